// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rollup adds events up in short buckets of time, and complete buckets up in longer ones.
package rollup

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
)

// Config describes an incremental aggregation. Fields without a note are required.
type Config struct {
	Name    string
	In      *event.Schema
	Values  []string       // columns of numbers, which are added up as doubles
	Group   string         // a column of texts; "": all events are one group
	Levels  []Level        // shortest first
	MaxRows int64          // one per bucket and group; 0: a million
	Lead    time.Duration  // an event that is further ahead of the clock is refused; 0: ten minutes
	App     *telemetry.App // may be nil
}

// Level is the buckets of one length: a second, a minute, an hour or a day. They are kept for Keep, or an eighth more.
type Level struct{ Every, Keep time.Duration }

var granularities = map[time.Duration]semconv.AggregationGranularityValue{
	time.Second: semconv.AggregationGranularitySeconds, time.Minute: semconv.AggregationGranularityMinutes,
	time.Hour: semconv.AggregationGranularityHours, 24 * time.Hour: semconv.AggregationGranularityDays,
}

// Rollup has a row per bucket and group. Any number of goroutines may read while one updates.
type Rollup struct {
	Config
	Schema *event.Schema // of answers: count; sum_v, min_v and max_v for each value v; the group, if there is one
	group  int           // columns of In; -1: none
	values []int
	one    sums // of the event at hand

	mu     sync.RWMutex
	levels []level
	rows   atomic.Int64

	processed, purged *telemetry.Counter
	updates, finds    *telemetry.Histogram
}

// sums is the number of events, then sum, minimum and maximum of each value.
type sums []float64

// level has its buckets by their start. The newest is open: what it adds up is not in the next level yet.
type level struct {
	Every, Keep, Open, Oldest int64 // Oldest is where what is kept begins
	Buckets                   map[int64]map[event.ID]sums

	active  *telemetry.UpDownCounter
	rollups *telemetry.Counter
}

func newLevel(every, keep time.Duration) level {
	return level{int64(every), int64(keep), math.MinInt64, math.MinInt64, map[int64]map[event.ID]sums{}, nil, nil}
}

// New returns an aggregation without rows.
func New(cfg Config) (*Rollup, error) {
	h := cfg.App.Aggregation(cfg.Name)
	r := &Rollup{Config: cfg, group: -1, one: make(sums, 1+3*len(cfg.Values)), processed: h.EventsProcessed(), purged: h.RowsPurged()}
	r.updates, r.finds = h.UpdateDuration(), h.QueryDuration(semconv.ResultSuccess)
	r.MaxRows, r.Lead = cmp.Or(r.MaxRows, 1_000_000), cmp.Or(r.Lead, 10*time.Minute)
	if err := errors.Join(r.pick(), r.measure(h)); err != nil {
		h.Close()
		return nil, fmt.Errorf("could not build aggregation %s: %w", r.Name, err)
	}
	return r, nil
}

// pick finds the columns of events and names those of answers.
func (r *Rollup) pick() error {
	r.Schema = &event.Schema{Stream: r.Name, Columns: []event.Column{{Name: "count", Type: event.Int}}}
	for _, name := range r.Values {
		i, ok := r.In.Index(name)
		if !ok || r.In.Columns[i].Type == event.Symbol {
			return fmt.Errorf("value %q is no column of numbers of %s", name, r.In.Stream)
		}
		r.values = append(r.values, i)
		for _, of := range []string{"sum_", "min_", "max_"} {
			r.Schema.Columns = append(r.Schema.Columns, event.Column{Name: of + name, Type: event.Float})
		}
	}
	if i, ok := r.In.Index(r.Group); ok && r.In.Columns[i].Type == event.Symbol {
		r.group, r.Schema.Columns = i, append(r.Schema.Columns, r.In.Columns[i])
	} else if r.Group != "" {
		return fmt.Errorf("group %q is no column of texts of %s", r.Group, r.In.Stream)
	}
	return nil
}

func (r *Rollup) measure(h *telemetry.Aggregation) error {
	last := time.Duration(0)
	for _, l := range r.Levels {
		g := granularities[l.Every]
		if g == "" || l.Keep < l.Every || l.Every <= last {
			return fmt.Errorf("level %s, kept for %s; want second, minute, hour and day, in this order, kept for as long or more", l.Every, l.Keep)
		}
		to := newLevel(l.Every, l.Keep)
		to.active, to.rollups, last = h.GroupsActive(g), h.Rollups(g), l.Every
		r.levels = append(r.levels, to)
	}
	if last == 0 {
		return errors.New("it has no levels, such as second and minute")
	}
	return nil
}

// Update adds the rows of in. It says which of them, by their number, it could not take.
func (r *Rollup) Update(in *event.Batch) map[int]error {
	start, errs := time.Now(), map[int]error{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range in.Len() {
		err := ErrFuture // it would close every bucket, and have those purged that are kept for less than its lead
		if in.Row(i).Time() <= start.Add(r.Lead).UnixNano() {
			err = r.add(in.Row(i))
		}
		if err != nil {
			errs[i] = fmt.Errorf("could not add to aggregation %s: %w", r.Name, err)
		}
	}
	r.processed.Add(in.Len() - len(errs))
	r.updates.Observe(time.Since(start))
	return errs
}

// ErrFuture is why an event is not taken that is ahead of the clock by more than Config.Lead.
var ErrFuture = errors.New("the event is too far in the future; correct the clock it comes from or raise lead")

var errOld = errors.New("the event is older than everything that is kept; keep more")

func (r *Rollup) add(row event.Row) error {
	r.advance(row.Time())
	group := event.ID(0)
	if r.group >= 0 {
		group = row.Symbol(r.group)
	}
	first := &r.levels[0]
	if r.rows.Load() >= r.MaxRows && first.Buckets[first.start(row.Time())][group] == nil {
		return fmt.Errorf("it has %d rows; keep less or raise max_rows", r.MaxRows)
	}
	r.one[0] = 1
	for n, i := range r.values {
		v := row.Float(i)
		if r.In.Columns[i].Type != event.Float {
			v = float64(row.Int(i))
		}
		r.one[1+3*n], r.one[2+3*n], r.one[3+3*n] = v, v, v
	}
	err := errOld
	for i := range r.levels {
		l := &r.levels[i]
		start := l.start(row.Time())
		if start >= l.Oldest {
			r.rows.Add(l.add(start, group, r.one))
			err = nil
		}
		if start == l.Open { // the next level gets the bucket as a whole
			break
		}
	}
	return err
}

// advance closes the buckets that end before now.
func (r *Rollup) advance(now int64) {
	for i := range r.levels {
		l := &r.levels[i]
		open := l.start(now)
		if open <= l.Open {
			return // and no longer bucket ends, either
		}
		done := l.Buckets[l.Open]
		l.active.Add(-len(done))
		if done != nil && i+1 < len(r.levels) {
			l.rollups.Inc()
			for group, s := range done {
				r.rows.Add(r.levels[i+1].add(r.levels[i+1].start(l.Open), group, s))
			}
		}
		l.Open = open
		if l.Oldest+l.Keep/8 < open-l.Keep { // not each time: it looks at every bucket
			l.Oldest = open - l.Keep
			r.purge(l)
		}
	}
}

func (r *Rollup) purge(l *level) {
	for start, bucket := range l.Buckets {
		if start < l.Oldest {
			delete(l.Buckets, start)
			r.rows.Add(-int64(len(bucket)))
			r.purged.Add(len(bucket))
		}
	}
}

// start is that of the bucket of time t.
func (l *level) start(t int64) int64 { return t - (t%l.Every+l.Every)%l.Every }

// add merges s into a row and says how many rows that made.
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

// Find returns a row for each bucket of length every that starts in [from, to) and each of groups, or every group if
// none is given, by time and group. What longer buckets do not have yet counts, too.
func (r *Rollup) Find(every time.Duration, from, to int64, groups ...event.ID) (*event.Batch, error) {
	began, found := time.Now(), newLevel(every, 0)
	last := slices.IndexFunc(r.Levels, func(l Level) bool { return l.Every == every })
	if last < 0 {
		return nil, fmt.Errorf("could not read aggregation %s: it has no buckets of %s", r.Name, every)
	}
	r.mu.RLock()
	for i, l := range r.levels[:last+1] {
		for start, bucket := range l.Buckets {
			at := found.start(start)
			if at < from || at >= to || i < last && start != l.Open {
				continue
			}
			for group, s := range bucket {
				if len(groups) == 0 || slices.Contains(groups, group) {
					found.add(at, group, s)
				}
			}
		}
	}
	r.mu.RUnlock()
	out := event.NewBatch(r.Schema, len(found.Buckets))
	for _, start := range slices.Sorted(maps.Keys(found.Buckets)) {
		for _, group := range slices.Sorted(maps.Keys(found.Buckets[start])) {
			s, row := found.Buckets[start][group], out.Append()
			row.SetTime(start)
			row.SetInt(0, int64(s[0]))
			for i := 1; i < len(s); i++ {
				row.SetFloat(i, s[i])
			}
			if r.group >= 0 {
				row.SetSymbol(len(s), group)
			}
		}
	}
	r.finds.Observe(time.Since(began))
	return out, nil
}

// Bytes estimates the memory of the rows.
func (r *Rollup) Bytes() int64 { return r.rows.Load() * int64(64+8*len(r.one)) }

// saved is a Rollup at rest. The columns tell how it was declared.
type saved struct {
	Columns []event.Column
	Levels  []level
}

// MarshalBinary returns the rows.
func (r *Rollup) MarshalBinary() ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return snapshot.Encode(saved{r.Schema.Columns, r.levels})
}

// UnmarshalBinary puts the rows that MarshalBinary returned into an aggregation without rows.
func (r *Rollup) UnmarshalBinary(data []byte) error {
	var from saved
	err := snapshot.Decode(data, &from)
	same := func(a, b level) bool { return a.Every == b.Every }
	if err == nil && (!slices.Equal(from.Columns, r.Schema.Columns) || !slices.EqualFunc(from.Levels, r.levels, same)) {
		err = errors.New("it was declared otherwise; declare it as before or start without the checkpoint")
	}
	if err != nil {
		return fmt.Errorf("could not restore aggregation %s: %w", r.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, l := range from.Levels {
		to := &r.levels[i]
		to.Open, to.Oldest = l.Open, l.Oldest
		for start, bucket := range l.Buckets {
			for group, s := range bucket {
				r.rows.Add(to.add(start, group, s))
			}
		}
	}
	return nil
}
