// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// level is the buckets of one length by their start. The newest is open: what it adds up is not in the next level yet.
type level struct {
	Every, Keep, Open, Oldest int64 // Oldest is the start of what is kept
	Buckets                   map[int64]map[event.ID]sums

	active  *telemetry.UpDownCounter
	rollups *telemetry.Counter
}

// sums is the number of events, then sum, minimum and maximum of each value.
type sums []float64

func newLevel(every, keep time.Duration) level {
	return level{int64(every), int64(keep), math.MinInt64, math.MinInt64, map[int64]map[event.ID]sums{}, nil, nil}
}

// start is that of the bucket of time t.
func (l *level) start(t int64) int64 { return t - (t%l.Every+l.Every)%l.Every }

// add puts s into a row and says how many rows are new.
func (l *level) add(start int64, group event.ID, s sums) int64 {
	bucket := l.Buckets[start]
	if bucket == nil {
		bucket = map[event.ID]sums{}
		l.Buckets[start] = bucket
	}
	to := bucket[group]
	if to == nil {
		bucket[group] = slices.Clone(s)
		if start == l.Open {
			l.active.Add(1)
		}
		return 1
	}
	to[0] += s[0]
	for i := 1; i < len(s); i += 3 {
		to[i], to[i+1], to[i+2] = to[i]+s[i], min(to[i+1], s[i+1]), max(to[i+2], s[i+2])
	}
	return 0
}

// purge removes buckets that began before limit and says how many rows they had. It looks at all of them, so it waits
// until there are some.
func (l *level) purge(limit int64) (rows int) {
	if limit <= l.Oldest || limit-l.Keep/8 < l.Oldest {
		return 0
	}
	l.Oldest = limit
	for start, bucket := range l.Buckets {
		if start < limit {
			rows += len(bucket)
			delete(l.Buckets, start)
		}
	}
	return rows
}

// snapshot is an aggregation at rest. The columns tell whether it is of the same declaration.
type snapshot struct {
	Columns []event.Column
	Levels  []level
}

// MarshalBinary returns the rows.
func (r *Rollup) MarshalBinary() ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var to bytes.Buffer
	err := gob.NewEncoder(&to).Encode(snapshot{r.Schema.Columns, r.levels})
	return to.Bytes(), err
}

// UnmarshalBinary adds the rows that MarshalBinary returned to an aggregation without rows.
func (r *Rollup) UnmarshalBinary(data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var from snapshot
	err := gob.NewDecoder(bytes.NewReader(data)).Decode(&from)
	same := func(a, b level) bool { return a.Every == b.Every }
	if err == nil && !(slices.Equal(from.Columns, r.Schema.Columns) && slices.EqualFunc(from.Levels, r.levels, same)) {
		err = errors.New("it was declared otherwise; declare it as before or start without the checkpoint")
	}
	if err != nil {
		return fmt.Errorf("could not restore aggregation %s: %w", r.Name, err)
	}
	for i, l := range from.Levels {
		to := &r.levels[i]
		to.Open, to.Oldest = l.Open, l.Oldest
		maps.Copy(to.Buckets, l.Buckets)
		to.active.Add(len(l.Buckets[l.Open]))
		for _, bucket := range l.Buckets {
			r.rows.Add(int64(len(bucket)))
		}
	}
	return nil
}
