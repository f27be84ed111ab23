// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// lossMemory is how long a loss stays one after the counter last moved: refusals that
// come and go are one trouble.
const lossMemory = 10 * time.Second

// Loss is data that a component did not take.
type Loss struct {
	// Kind is "receiver" or "exporter".
	Kind, Component string
	// Items is how many there were since Since.
	Items int64
	Since time.Time
}

// The collector's own counters of what was not taken, without the name of what was
// counted at their end.
var lossCounters = []struct{ prefix, kind string }{
	{"otelcol_receiver_refused_", "receiver"},
	{"otelcol_exporter_enqueue_failed_", "exporter"},
}

type component struct{ kind, id string }

// Losses follows the counters of data that was refused by receivers, or did not
// fit into the queues of exporters. The zero value knows none. It is safe for
// concurrent use.
type Losses struct {
	mu     sync.Mutex
	counts map[component]int64
	losses map[component]*loss
}

type loss struct {
	Loss
	last time.Time
}

// Update takes a new look at now. What was lost before the first one is not told.
func (l *Losses) Update(rm *metricdata.ResourceMetrics, now time.Time) {
	counts := lossCounts(rm)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.losses == nil {
		l.losses = map[component]*loss{}
	} else {
		l.note(counts, now)
	}
	l.counts = counts
	for c, one := range l.losses {
		if now.Sub(one.last) >= lossMemory {
			delete(l.losses, c)
		}
	}
}

func (l *Losses) note(counts map[component]int64, now time.Time) {
	for c, n := range counts {
		more := n - l.counts[c]
		if more <= 0 {
			continue
		}
		one := l.losses[c]
		if one == nil {
			one = &loss{Loss: Loss{Kind: c.kind, Component: c.id, Since: now}}
			l.losses[c] = one
		}
		one.Items += more
		one.last = now
	}
}

func lossCounts(rm *metricdata.ResourceMetrics) map[component]int64 {
	counts := map[component]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			for _, counter := range lossCounters {
				sum, ok := m.Data.(metricdata.Sum[int64])
				if !ok || !strings.HasPrefix(m.Name, counter.prefix) {
					continue
				}
				for _, p := range sum.DataPoints {
					id, _ := p.Attributes.Value(attribute.Key(counter.kind))
					counts[component{counter.kind, id.AsString()}] += p.Value
				}
			}
		}
	}
	return counts
}

// Recent returns the losses as they were at the last look, in the order of their
// components.
func (l *Losses) Recent() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := make([]Loss, 0, len(l.losses))
	for _, one := range l.losses {
		recent = append(recent, one.Loss)
	}
	slices.SortFunc(recent, func(a, b Loss) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Component, b.Component))
	})
	return recent
}
