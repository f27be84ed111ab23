// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rollup adds events up in short buckets of time, and complete buckets up in longer ones.
package rollup

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Config describes an incremental aggregation. Fields without a note are required.
type Config struct {
	Name    string
	In      *event.Schema
	Values  []string       // columns of numbers, which are added up as doubles
	Group   string         // a column of texts; "": all events are one group
	Levels  []Level        // shortest first
	MaxRows int64          // one per bucket and group; 0: a million
	App     *telemetry.App // may be nil
}

// Level is the buckets of one length: a second, a minute, an hour or a day.
type Level struct {
	Every time.Duration
	Keep  time.Duration // how old a bucket may get; up to an eighth more before it is purged
}

var granularities = map[time.Duration]semconv.AggregationGranularityValue{
	time.Second: semconv.AggregationGranularitySeconds, time.Minute: semconv.AggregationGranularityMinutes,
	time.Hour: semconv.AggregationGranularityHours, 24 * time.Hour: semconv.AggregationGranularityDays,
}

// Rollup has a row per bucket and group. One goroutine may update it while any number of others read.
type Rollup struct {
	Config
	Schema *event.Schema // of answers: count; sum_v, min_v and max_v for each value v; then the group, if there is one
	group  int           // columns of In; -1: none
	values []int

	mu     sync.RWMutex
	levels []level
	rows   atomic.Int64
	one    sums // of the event at hand

	processed, purged *telemetry.Counter
	updates, finds    *telemetry.Histogram
}

// New returns an aggregation without rows.
func New(cfg Config) (*Rollup, error) {
	r := &Rollup{Config: cfg, group: -1, one: make(sums, 1+3*len(cfg.Values))}
	r.MaxRows = cmp.Or(r.MaxRows, 1_000_000)
	if err := errors.Join(r.pick(), r.bind(cfg.App.Aggregation(cfg.Name))); err != nil {
		return nil, fmt.Errorf("could not build aggregation %s: %w", cfg.Name, err)
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

func (r *Rollup) bind(h *telemetry.Aggregation) error {
	r.processed, r.purged = h.EventsProcessed(), h.RowsPurged()
	r.updates, r.finds = h.UpdateDuration(), h.QueryDuration(semconv.ResultSuccess)
	for i, l := range r.Levels {
		g := granularities[l.Every]
		if g == "" || l.Keep < l.Every || i > 0 && l.Every <= r.Levels[i-1].Every {
			return fmt.Errorf("level %s, kept for %s; want second, minute, hour and day, in this order, each kept for its length or more", l.Every, l.Keep)
		}
		r.levels = append(r.levels, newLevel(l.Every, l.Keep))
		r.levels[i].active, r.levels[i].rollups = h.GroupsActive(g), h.Rollups(g)
	}
	if len(r.levels) == 0 {
		return errors.New("it has no levels, such as second and minute")
	}
	return nil
}

// Update adds the rows of in. It says why some of them, by their place, did not get in.
func (r *Rollup) Update(in *event.Batch) map[int]error {
	start, errs := time.Now(), map[int]error{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range in.Len() {
		if err := r.add(in.Row(i)); err != nil {
			errs[i] = fmt.Errorf("could not add to aggregation %s: %w", r.Name, err)
		}
	}
	r.processed.Add(in.Len() - len(errs))
	r.updates.Observe(time.Since(start))
	return errs
}

var errOld = errors.New("the event is older than everything that is kept; keep more")

func (r *Rollup) add(row event.Row) error {
	r.advance(row.Time())
	group := event.ID(0)
	if r.group >= 0 {
		group = row.Symbol(r.group)
	}
	r.one[0] = 1
	for n, i := range r.values {
		v := row.Float(i)
		if r.In.Columns[i].Type != event.Float {
			v = float64(row.Int(i))
		}
		r.one[1+3*n], r.one[2+3*n], r.one[3+3*n] = v, v, v
	}
	if first := &r.levels[0]; r.rows.Load() >= r.MaxRows && first.Buckets[first.start(row.Time())][group] == nil {
		return fmt.Errorf("it has %d rows; keep less or raise max_rows", r.MaxRows)
	}
	err := errOld
	for i := range r.levels {
		l := &r.levels[i]
		start := l.start(row.Time())
		if start >= l.Oldest {
			r.rows.Add(l.add(start, group, r.one))
			err = nil
		}
		if start == l.Open { // the next level gets the whole bucket later
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
			return // nor does a longer bucket end
		}
		if done := l.Buckets[l.Open]; done != nil {
			l.active.Add(-len(done))
			if i+1 < len(r.levels) {
				l.rollups.Inc()
				for group, s := range done {
					r.rows.Add(r.levels[i+1].add(r.levels[i+1].start(l.Open), group, s))
				}
			}
		}
		l.Open = open
		n := l.purge(open - l.Keep)
		r.rows.Add(-int64(n))
		r.purged.Add(n)
	}
}

// Find returns a row for each bucket of length every that begins in [from, to) and each of groups, or each group if none
// is given, by time and group. It counts what longer buckets do not have yet, too.
func (r *Rollup) Find(every time.Duration, from, to int64, groups ...event.ID) (*event.Batch, error) {
	began := time.Now()
	last := slices.IndexFunc(r.Levels, func(l Level) bool { return l.Every == every })
	if last < 0 {
		return nil, fmt.Errorf("could not read aggregation %s: it has no buckets of %s", r.Name, every)
	}
	found := newLevel(every, 0)
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
			for i, v := range s[1:] {
				row.SetFloat(1+i, v)
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
