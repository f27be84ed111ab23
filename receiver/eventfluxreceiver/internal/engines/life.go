// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// A resource that is larger than this is not kept beyond what identifies it.
const (
	maxAttributes    = 64
	maxResourceBytes = 8 << 10
)

// Life is what is known of the life of an engine, but not of its work: that is in
// [engineview.Engine].
type Life struct {
	Identity Identity
	// State is the verdict at the time asked for, and Evidence what it rests on.
	State    engineview.State
	Evidence engineview.Evidence
	LastSeen time.Time
	// Resource is what the engine calls itself. It is shared and not to be
	// modified.
	Resource pcommon.Map
	// Since is when the engine came on the list: what is counted is counted from
	// then on.
	Since time.Time
	// Restarts counts the starts of the engine under its identity, but for the first.
	Restarts int64
	// Skew is how far the engine's clock is ahead of the collector's, less the time
	// that exports take. It means nothing before the engine has been heard itself.
	Skew      time.Duration
	SkewKnown bool
	// Reported is true while another receiver decides the engine's state and its
	// reports arrive here.
	Reported bool
}

// Lives returns every engine with its state at now, in no order, and the next
// time at which one could change its state without anything arriving; zero for
// never. Engines that ended longer than ForgetAfter ago leave the list here. The
// states are what [Registry.Changed] compares with. The cost is about 200 ns for
// each engine, in which no request gets on.
func (r *Registry) Lives(now time.Time) (lives []Life, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	r.changed = false
	lives = make([]Life, 0, len(r.byID))
	for el := r.recency.Front(); el != nil; el = el.Next() {
		e := el.Value.(*engine)
		life := Life{
			Identity: e.id, LastSeen: e.lastSeen, Resource: e.resource, Since: e.since,
			Restarts: e.process.restarts, Skew: e.skew.mean, SkewKnown: e.skew.known,
			Reported: r.follows(e, now),
		}
		life.State, life.Evidence = r.judge(e, now)
		e.told = life.State
		if at := r.turns(e, now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		lives = append(lives, life)
	}
	return lives, next
}

// turns returns when the engine, which is up now, would no longer be so if
// nothing more arrived. It is zero for engines that are not up.
func (r *Registry) turns(e *engine, now time.Time) time.Time {
	if e.told != engineview.StateUp {
		return time.Time{}
	}
	if r.follows(e, now) {
		return r.reportEnds(e)
	}
	if len(e.connections) > 0 {
		return e.lastSeen.Add(max(r.limits.SilentAfter, r.limits.SilentAtMost))
	}
	missed := e.lastSeen.Add(r.patience(e))
	if lost := e.disconnected.Add(r.limits.Grace); !e.disconnected.IsZero() && lost.Before(missed) {
		return lost
	}
	return missed
}

// Changed reports whether, since the last call of [Registry.Lives], something
// arrived that changes the state of an engine, is a restart, or lets its state
// change earlier than Lives said.
func (r *Registry) Changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Describe records what the engine calls itself. attrs is copied when it is
// new. Of a resource with too many or too long attributes only the identity is
// kept.
func (r *Registry) Describe(id Identity, attrs pcommon.Map) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return
	}
	if e := el.Value.(*engine); !e.resource.Equal(attrs) {
		e.resource = keep(id, attrs)
	}
}

// keep copies attrs.
func keep(id Identity, attrs pcommon.Map) pcommon.Map {
	kept := pcommon.NewMap()
	if attrs.Len() <= maxAttributes && size(attrs) <= maxResourceBytes {
		attrs.CopyTo(kept)
	} else {
		id.Put(kept)
	}
	return kept
}

// size returns about how many bytes the attributes have.
func size(attrs pcommon.Map) int {
	n := 0
	for key, value := range attrs.All() {
		n += len(key)
		switch value.Type() {
		case pcommon.ValueTypeStr:
			n += len(value.Str())
		case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
			n += len(value.AsString())
		default:
			n += 8
		}
	}
	return n
}

// Put writes the attributes that identify an engine. Prometheus makes job and
// instance of them.
func (id Identity) Put(attrs pcommon.Map) {
	attrs.PutStr("service.name", id.Name)
	if id.Namespace != "" {
		attrs.PutStr("service.namespace", id.Namespace)
	}
	attrs.PutStr("service.instance.id", id.Instance)
}
