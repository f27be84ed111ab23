// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

// Names of entity events, see
// https://opentelemetry.io/docs/specs/otel/entities/entity-events/.
const (
	EventState  = "entity.state"
	EventDelete = "entity.delete"

	attrType        = "entity.type"
	attrID          = "entity.id"
	attrDescription = "entity.description"
	attrInterval    = "entity.report.interval"
	attrReason      = "entity.delete.reason"

	typeInstance = "service.instance"
)

// The reasons of a delete event.
const (
	reasonTerminated = "terminated" // it said goodbye
	reasonExpired    = "expired"    // it is silent
	reasonEvicted    = "evicted"    // there is no room for it on the list
)

// Entities writes the life of engines as entity events: one when an engine comes,
// changes its description, and at each interval; one when it goes. It is not safe
// for concurrent use.
type Entities struct {
	interval time.Duration
	alive    map[engines.Identity]described
}

// described is what was last said of an entity.
type described struct {
	resource pcommon.Map
	at       time.Time
}

// NewEntities returns a writer that repeats itself at each interval.
func NewEntities(interval time.Duration) *Entities {
	return &Entities{interval: interval, alive: make(map[engines.Identity]described)}
}

// Write returns the events of all engines that are known, but for those of which
// another receiver reports. There may be none.
func (w *Entities) Write(lives []engines.Life, now time.Time) plog.Logs {
	ld := plog.NewLogs()
	known := make(map[engines.Identity]struct{}, len(lives))
	for i := range lives {
		e := &lives[i]
		known[e.Identity] = struct{}{}
		last, alive := w.alive[e.Identity]
		switch {
		case e.Reported:
			delete(w.alive, e.Identity)
		case e.State != engineview.StateUp:
			if alive {
				w.deleted(ld, e.Identity, last.resource, reasonOf(e.State), now)
			}
		case !alive || now.Sub(last.at) >= w.interval || !last.resource.Equal(e.Resource):
			w.state(ld, e, now)
		}
	}
	for id, last := range w.alive {
		if _, ok := known[id]; !ok {
			w.deleted(ld, id, last.resource, reasonEvicted, now)
		}
	}
	return ld
}

func reasonOf(state engineview.State) string {
	if state == engineview.StateShutdown {
		return reasonTerminated
	}
	return reasonExpired
}

func (w *Entities) state(ld plog.Logs, e *engines.Life, now time.Time) {
	w.alive[e.Identity] = described{e.Resource, now}
	r := record(ld, EventState, e.Identity, e.Resource, now)
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.Attributes().PutInt(attrInterval, int64(w.interval/time.Second))
	description := r.Attributes().PutEmptyMap(attrDescription)
	e.Resource.CopyTo(description)
	description.RemoveIf(func(key string, _ pcommon.Value) bool { return identifies(key) })
}

func (w *Entities) deleted(ld plog.Logs, id engines.Identity, resource pcommon.Map, reason string, now time.Time) {
	delete(w.alive, id)
	r := record(ld, EventDelete, id, resource, now)
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	if reason == reasonExpired {
		r.SetSeverityNumber(plog.SeverityNumberWarn)
	}
	r.Attributes().PutStr(attrReason, reason)
}

func record(ld plog.Logs, name string, id engines.Identity, resource pcommon.Map, now time.Time) plog.LogRecord {
	r := event(ld, name, resource, now)
	r.Attributes().PutStr(attrType, typeInstance)
	id.Put(r.Attributes().PutEmptyMap(attrID))
	return r
}

// event adds one, with a resource of its own.
func event(ld plog.Logs, name string, resource pcommon.Map, now time.Time) plog.LogRecord {
	rl := ld.ResourceLogs().AppendEmpty()
	resource.CopyTo(rl.Resource().Attributes())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(ScopeName)
	r := sl.LogRecords().AppendEmpty()
	r.SetEventName(name)
	r.SetTimestamp(pcommon.NewTimestampFromTime(now))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	return r
}

// identifies says whether the attribute is part of the identity.
func identifies(key string) bool {
	return key == "service.name" || key == "service.namespace" || key == "service.instance.id"
}
