// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// Engines asks every registered receiver for the engines that it sees. The
// zero value has no receivers. It is safe for concurrent use.
type Engines struct {
	sources[engineview.Source]
}

// At returns the engines of all receivers at now, by name and instance. An
// engine that sends to several receivers is one engine.
func (e *Engines) At(now time.Time) []engineview.Engine {
	sources := e.all()
	switch len(sources) {
	case 0:
		return nil
	case 1:
		return (*sources[0]).Engines(now)
	}
	var all []engineview.Engine
	for _, s := range sources {
		all = append(all, (*s).Engines(now)...)
	}
	return merge(all)
}

// Of returns the engines with the service.instance.id, all if that is empty.
func (e *Engines) Of(instance string, now time.Time) []engineview.Engine {
	all := e.At(now)
	if instance == "" {
		return all
	}
	return slices.DeleteFunc(all, func(engine engineview.Engine) bool { return engine.InstanceID != instance })
}

func merge(all []engineview.Engine) []engineview.Engine {
	slices.SortStableFunc(all, func(a, b engineview.Engine) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.InstanceID, b.InstanceID))
	})
	merged := all[:0]
	for _, engine := range all {
		last := len(merged) - 1
		if last < 0 || merged[last].Name != engine.Name || merged[last].InstanceID != engine.InstanceID {
			merged = append(merged, engine)
			continue
		}
		merged[last] = join(merged[last], engine)
	}
	return merged
}

// join makes one of what two receivers know about an engine. It is up if one
// of them hears it; otherwise the one that heard it last knows how it went.
func join(a, b engineview.Engine) engineview.Engine {
	latest := a
	if (b.State == engineview.StateUp) != (a.State == engineview.StateUp) {
		if b.State == engineview.StateUp {
			latest = b
		}
	} else if b.LastSeen.After(a.LastSeen) {
		latest = b
	}
	latest.Queries = max(a.Queries, b.Queries)
	latest.Streams = max(a.Streams, b.Streams)
	latest.Checks = latest.Checks.Or(a.Checks).Or(b.Checks)
	latest.Version = cmp.Or(latest.Version, a.Version, b.Version)
	latest.MemoryBytes = cmp.Or(latest.MemoryBytes, a.MemoryBytes, b.MemoryBytes)
	latest.Started = cmp.Or(latest.Started, a.Started, b.Started)
	if a.FirstSeen.Before(latest.FirstSeen) {
		latest.FirstSeen = a.FirstSeen
	}
	if b.FirstSeen.Before(latest.FirstSeen) {
		latest.FirstSeen = b.FirstSeen
	}
	return latest
}
