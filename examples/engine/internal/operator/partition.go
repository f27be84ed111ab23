// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/snapshot"
)

// ErrorPartitionLimit is the error.type of a row whose key has no partition and gets none.
const ErrorPartitionLimit = "partition_limit"

// PartitionOptions say how rows are told apart and what is done with those of one key.
type PartitionOptions struct {
	Key  string                     // a column that every input has
	Make func() ([]Operator, error) // the operators for one key
	Max  int                        // partitions at most; 0: 1 000
	Idle time.Duration              // event time after which one gives way to a new key; 0: never
}

// partition has operators of its own for every key; all report as one. Rows come out by key, in order of the first row
// of each in the batch. It is Durable, Stateful and Dropping.
type partition struct {
	PartitionOptions
	base
	byKey       map[uint64]*part
	parts       []*part // as they were made; changed under changing
	changing    sync.Mutex
	touched     []*part // by the batch at hand
	out         *event.Batch
	clock       int64 // the greatest event time
	rows, most  int64 // of all parts, of the busiest
	instances   *telemetry.Partition
	skew        *telemetry.Gauge
	late, bytes atomic.Int64
}

// part is one partition. Its exported fields are its state, for gob.
type part struct {
	Key        uint64
	Last, Rows int64    // the greatest event time; how many came
	State      [][]byte // of each Durable, while it is saved

	operators   []Operator
	in          *event.Batch // of the batch at hand
	bytes, late int64        // as counted by partition
}

// windowedPartition is a partition with a window in it.
type windowedPartition struct {
	*partition
	window Windowed // not in use
}

func (p *windowedPartition) WindowType() string      { return p.window.WindowType() }
func (p *windowedPartition) Duration() time.Duration { return p.window.Duration() }

// NewPartition returns an Operator that runs each key through operators of its own. It calls Make once to see what they
// are, and is Windowed if one of them is. UnmarshalBinary comes after Bind.
func NewPartition(o PartitionOptions) (Durable, error) {
	o.Max = cmp.Or(o.Max, 1000)
	p := &partition{PartitionOptions: o, base: base{kind: "partition"}, byKey: map[uint64]*part{}}
	sample, err := o.Make()
	if err != nil {
		return nil, fmt.Errorf("could not make a partition by %q: %w", o.Key, err)
	}
	var whole Durable = p
	each(sample, func(_ int, w Windowed) { whole = &windowedPartition{p, w} })
	return whole, nil
}

// each calls f with every operator that is a T, and its place.
func each[T any](operators []Operator, f func(int, T)) {
	for i, op := range operators {
		if t, ok := op.(T); ok {
			f(i, t)
		}
	}
}

func (p *partition) Late() int64  { return p.late.Load() }
func (p *partition) Bytes() int64 { return p.bytes.Load() }

func (p *partition) Bind(h Handles) {
	p.handles, p.instances = h, h.Query.Partition()
	p.skew = p.instances.Skew()
}

func (p *partition) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	key := in.Schema.MustIndex(p.Key) + 1
	p.touched, p.out = p.touched[:0], nil
	for i := range in.Len() {
		r := in.Row(i)
		p.clock = max(p.clock, r.Time())
		x, err := p.find(b, r[key])
		if err != nil {
			p.refuse(b, r, in.Schema, ErrorPartitionLimit, err)
			continue
		}
		if x.in == nil {
			p.touched = append(p.touched, x)
			x.in = event.NewBatch(in.Schema, in.Len()/len(p.touched)+1)
		}
		x.in.AppendRow(r)
		x.Last, x.Rows = max(x.Last, r.Time()), x.Rows+1
		p.rows, p.most = p.rows+1, max(p.most, x.Rows)
	}
	for _, x := range p.touched {
		p.pass(b, x.operators, x.in)
		p.settle(x)
		x.in = nil
	}
	p.skew.Set(float64(p.most) * float64(len(p.parts)) / float64(p.rows))
	return p.out
}

func (p *partition) find(b telemetry.Batch, key uint64) (*part, error) {
	if x := p.byKey[key]; x != nil {
		return x, nil
	}
	if len(p.parts) >= p.Max && p.Idle > 0 {
		p.purge(b)
	}
	if len(p.parts) >= p.Max {
		return nil, fmt.Errorf("there are %d partitions by %q: raise the limit or shorten the idle time", p.Max, p.Key)
	}
	x := &part{Key: key}
	return x, p.add(x)
}

// add makes the operators of x and gives them their state, if it has one.
func (p *partition) add(x *part) (err error) {
	if x.operators, err = p.Make(); err != nil {
		return fmt.Errorf("could not make a partition by %q: %w", p.Key, err)
	}
	each(x.operators, func(_ int, op Operator) { op.Bind(p.handles) })
	if x.State != nil {
		each(x.operators, func(i int, d Durable) { err = errors.Join(err, d.UnmarshalBinary(x.State[i])) })
	}
	p.changing.Lock()
	p.byKey[x.Key], p.parts, x.State = x, append(p.parts, x), nil
	p.changing.Unlock()
	p.rows, p.most = p.rows+x.Rows, max(p.most, x.Rows)
	p.instances.InstancesCreated().Inc()
	p.instances.InstancesActive().Add(1)
	return err
}

// purge ends the partitions that are idle. What their windows hold comes out.
func (p *partition) purge(b telemetry.Batch) {
	p.most = 0
	p.changing.Lock()
	defer p.changing.Unlock()
	p.parts = slices.DeleteFunc(p.parts, func(x *part) bool {
		if x.Last >= p.clock-int64(p.Idle) || x.in != nil {
			p.most = max(p.most, x.Rows)
			return false
		}
		p.end(b, x, time.Unix(0, p.clock))
		each(x.operators, func(_ int, d interface{ discard() }) { d.discard() })
		delete(p.byKey, x.Key)
		p.rows -= x.Rows
		p.bytes.Add(-x.bytes)
		p.instances.InstancesPurged().Inc()
		p.instances.InstancesActive().Add(-1)
		return true
	})
}

// pass lets rows go through operators to the output.
func (p *partition) pass(b telemetry.Batch, operators []Operator, rows *event.Batch) {
	for _, op := range operators {
		if rows.Len() > 0 {
			rows = op.Process(b, rows)
		}
	}
	if p.out == nil && rows.Len() > 0 {
		p.out = event.NewBatch(rows.Schema, rows.Len())
	}
	for i := range rows.Len() {
		p.out.AppendRow(rows.Row(i))
	}
}

// end closes the windows of x.
func (p *partition) end(b telemetry.Batch, x *part, now time.Time) {
	each(x.operators, func(i int, w Windowed) {
		if w.Holds() {
			p.pass(b, x.operators[i+1:], w.Close(b, now))
		}
	})
	p.settle(x)
}

// settle counts what x holds, and has dropped since it was last called.
func (p *partition) settle(x *part) {
	bytes, late := int64(0), int64(0)
	each(x.operators, func(_ int, s Stateful) { bytes += s.Bytes() })
	each(x.operators, func(_ int, d Dropping) { late += d.Late() })
	p.bytes.Add(bytes - x.bytes)
	p.late.Add(late - x.late)
	x.bytes, x.late = bytes, late
}

// Oldest is asked seldom, so it looks at every part.
func (p *partition) Oldest() int64 {
	p.changing.Lock()
	defer p.changing.Unlock()
	oldest := int64(math.MaxInt64)
	for _, x := range p.parts {
		each(x.operators, func(_ int, w Windowed) { oldest = min(oldest, w.Oldest()) })
	}
	return oldest
}

func (p *partition) Holds() bool {
	return slices.ContainsFunc(p.parts, func(x *part) (holds bool) {
		each(x.operators, func(_ int, w Windowed) { holds = holds || w.Holds() })
		return holds
	})
}

// Close ends every open window, in the order in which partitions were made.
func (p *partition) Close(b telemetry.Batch, now time.Time) *event.Batch {
	p.out = nil
	for _, x := range p.parts {
		p.end(b, x, now)
	}
	return p.out
}

func (p *partition) MarshalBinary() (_ []byte, err error) {
	var saved []part
	for _, x := range p.parts {
		state := make([][]byte, len(x.operators))
		each(x.operators, func(i int, d Durable) {
			one, failed := d.MarshalBinary()
			state[i], err = one, errors.Join(err, failed)
		})
		saved = append(saved, part{Key: x.Key, Last: x.Last, Rows: x.Rows, State: state})
	}
	data, failed := snapshot.Encode(saved)
	return data, errors.Join(err, failed)
}

func (p *partition) UnmarshalBinary(data []byte) error {
	var saved []*part
	if err := snapshot.Decode(data, &saved); err != nil {
		return err
	}
	for _, x := range saved {
		p.clock = max(p.clock, x.Last)
		if err := p.add(x); err != nil {
			return err // the others would say the same
		}
	}
	return nil
}
