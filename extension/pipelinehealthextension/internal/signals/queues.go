// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Queue is the sending queue of an exporter for one signal.
type Queue struct {
	Exporter string `json:"exporter"`
	Signal   string `json:"signal"`
	// Size and Capacity are in the queue's own unit, which is requests by default.
	// What is on its way counts until it has arrived.
	Size     int64 `json:"size"`
	Capacity int64 `json:"capacity"`
}

// The collector's own metrics of queues.
const (
	queueSize     = "otelcol_exporter_queue_size"
	queueCapacity = "otelcol_exporter_queue_capacity"
)

// Queues returns the sending queues that a collector's own metrics tell of, by
// exporter and signal.
func Queues(rm *metricdata.ResourceMetrics) []Queue {
	type key struct{ exporter, signal string }
	found := map[key]*Queue{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			gauge, ok := m.Data.(metricdata.Gauge[int64])
			if !ok || m.Name != queueSize && m.Name != queueCapacity {
				continue
			}
			for _, p := range gauge.DataPoints {
				k := key{text(p.Attributes, "exporter"), text(p.Attributes, "data_type")}
				q := found[k]
				if q == nil {
					q = &Queue{Exporter: k.exporter, Signal: k.signal}
					found[k] = q
				}
				if m.Name == queueSize {
					q.Size = p.Value
				} else {
					q.Capacity = p.Value
				}
			}
		}
	}
	queues := make([]Queue, 0, len(found))
	for _, q := range found {
		queues = append(queues, *q)
	}
	slices.SortFunc(queues, func(a, b Queue) int {
		return cmp.Or(strings.Compare(a.Exporter, b.Exporter), strings.Compare(a.Signal, b.Signal))
	})
	return queues
}

func text(of attribute.Set, key attribute.Key) string {
	value, _ := of.Value(key)
	return value.AsString()
}

// A queue is high from this share of its capacity on, until it is below the
// other one: one that goes up and down around a limit is one trouble.
const (
	highFrom  = 0.8
	highUntil = 0.5
)

// Backlog remembers which queues are high. The zero value knows none. It is safe
// for concurrent use.
type Backlog struct {
	mu        sync.Mutex
	all, high []Queue
}

// Update takes a new look at all queues.
func (b *Backlog) Update(queues []Queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var high []Queue
	for _, q := range queues {
		from := highFrom
		if slices.ContainsFunc(b.high, func(h Queue) bool { return h.Exporter == q.Exporter && h.Signal == q.Signal }) {
			from = highUntil
		}
		if q.Capacity > 0 && float64(q.Size) >= from*float64(q.Capacity) {
			high = append(high, q)
		}
	}
	b.all, b.high = queues, high
}

// All returns all queues, as they were at the last look. They must not be changed.
func (b *Backlog) All() []Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all
}

// High returns the queues that are high, as they were at the last look. They
// must not be changed.
func (b *Backlog) High() []Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.high
}
