// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
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

// Partition has operators of its own for every key; all report as one. Rows come out by key, in order of the first row
// of each in the batch.
type Partition struct {
	PartitionOptions

	byKey       map[uint64]*part
	parts       []*part // as they were made
	touched     []*part // by the batch at hand
	out         *event.Batch
	clock       int64 // the greatest event time
	rows, most  int64 // of all parts, of the busiest
	handles     Handles
	instances   *telemetry.Partition
	skew        *telemetry.Gauge
	late, bytes atomic.Int64
}

// part is one partition. The exported fields are for gob.
type part struct {
	Key        uint64
	Last, Rows int64    // the greatest event time; how many came
	State      [][]byte // of each Durable

	operators   []Operator
	in          *event.Batch // of the batch at hand
	bytes, late int64        // as counted by Partition
}

// NewPartition calls Make once to see what it makes. The result is Windowed if a window is in it.
func NewPartition(o PartitionOptions) (Durable, error) {
	o.Max = cmp.Or(o.Max, 1000)
	p := &Partition{PartitionOptions: o, byKey: map[uint64]*part{}}
	operators, err := o.Make()
	if err != nil {
		return nil, fmt.Errorf("could not make a partition by %q: %w", o.Key, err)
	}
	for _, op := range operators {
		if w, ok := op.(Windowed); ok {
			return &windowedPartition{p, w}, nil
		}
	}
	return p, nil
}

// windowedPartition is a Partition with a window in it.
type windowedPartition struct {
	*Partition
	sample Windowed
}

func (p *windowedPartition) WindowType() string      { return p.sample.WindowType() }
func (p *windowedPartition) Duration() time.Duration { return p.sample.Duration() }

// Kind implements Operator.
func (p *Partition) Kind() string { return "partition" }

// Bind implements Operator.
func (p *Partition) Bind(h Handles) {
	p.handles, p.instances = h, h.Query.Partition()
	p.skew = p.instances.Skew()
}

// Late implements Dropping.
func (p *Partition) Late() int64 { return p.late.Load() }

// Bytes implements Stateful.
func (p *Partition) Bytes() int64 { return p.bytes.Load() }

// Process implements Operator.
func (p *Partition) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	key := in.Schema.MustIndex(p.Key)
	p.touched, p.out = p.touched[:0], nil
	for i := range in.Len() {
		r := in.Row(i)
		p.clock = max(p.clock, r.Time())
		x, err := p.find(b, uint64(r.Int(key)))
		if err != nil {
			p.handles.refuse(b, r, in.Schema, ErrorPartitionLimit, err)
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
		x.in = nil
		p.settle(x)
	}
	p.skew.Set(float64(p.most) * float64(len(p.parts)) / float64(p.rows))
	return p.out
}

func (p *Partition) find(b telemetry.Batch, key uint64) (*part, error) {
	if x := p.byKey[key]; x != nil {
		return x, nil
	}
	if len(p.parts) >= p.Max && p.Idle > 0 {
		p.purge(b)
	}
	if len(p.parts) >= p.Max {
		return nil, fmt.Errorf("there are %d partitions by %q: raise the limit or shorten the idle time", p.Max, p.Key)
	}
	return p.add(&part{Key: key})
}

func (p *Partition) add(x *part) (_ *part, err error) {
	if x.operators, err = p.Make(); err != nil {
		return nil, fmt.Errorf("could not make a partition by %q: %w", p.Key, err)
	}
	for i, op := range x.operators {
		op.Bind(p.handles)
		if d, ok := op.(Durable); ok && x.State != nil {
			err = errors.Join(err, d.UnmarshalBinary(x.State[i]))
		}
	}
	p.byKey[x.Key], p.parts, x.State = x, append(p.parts, x), nil
	p.rows, p.most = p.rows+x.Rows, max(p.most, x.Rows)
	p.instances.InstancesCreated().Inc()
	p.instances.InstancesActive().Add(1)
	return x, err
}

// purge closes the partitions that are idle.
func (p *Partition) purge(b telemetry.Batch) {
	p.most = 0
	p.parts = slices.DeleteFunc(p.parts, func(x *part) bool {
		if x.Last >= p.clock-int64(p.Idle) || x.in != nil {
			p.most = max(p.most, x.Rows)
			return false
		}
		p.end(b, x, time.Unix(0, p.clock))
		for _, op := range x.operators {
			if d, ok := op.(interface{ discard() }); ok {
				d.discard()
			}
		}
		x.operators = nil
		p.settle(x)
		delete(p.byKey, x.Key)
		p.rows -= x.Rows
		p.instances.InstancesPurged().Inc()
		p.instances.InstancesActive().Add(-1)
		return true
	})
}

// pass lets rows go through operators to the output.
func (p *Partition) pass(b telemetry.Batch, operators []Operator, rows *event.Batch) {
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
func (p *Partition) end(b telemetry.Batch, x *part, now time.Time) {
	for i, op := range x.operators {
		if w, ok := op.(Windowed); ok && w.Holds() {
			p.pass(b, x.operators[i+1:], w.Close(b, now))
		}
	}
	p.settle(x)
}

// settle counts what x holds and how many rows were late since it was last called.
func (p *Partition) settle(x *part) {
	bytes, late := int64(0), int64(0)
	for _, op := range x.operators {
		if s, ok := op.(Stateful); ok {
			bytes += s.Bytes()
		}
		if d, ok := op.(Dropping); ok {
			late += d.Late()
		}
	}
	p.bytes.Add(bytes - x.bytes)
	p.late.Add(max(late-x.late, 0))
	x.bytes, x.late = bytes, late
}

// Holds and Close are for a Partition that is Windowed.
func (p *Partition) Holds() bool {
	return slices.ContainsFunc(p.parts, func(x *part) bool {
		return slices.ContainsFunc(x.operators, func(op Operator) bool {
			w, ok := op.(Windowed)
			return ok && w.Holds()
		})
	})
}

// Close ends every open window, in the order in which partitions were made.
func (p *Partition) Close(b telemetry.Batch, now time.Time) *event.Batch {
	p.out = nil
	for _, x := range p.parts {
		p.end(b, x, now)
	}
	return p.out
}

// MarshalBinary implements Durable.
func (p *Partition) MarshalBinary() (_ []byte, err error) {
	saved := make([]part, len(p.parts))
	for i, x := range p.parts {
		saved[i] = part{Key: x.Key, Last: x.Last, Rows: x.Rows, State: make([][]byte, len(x.operators))}
		for k, op := range x.operators {
			if d, ok := op.(Durable); ok && err == nil {
				saved[i].State[k], err = d.MarshalBinary()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return toGob(saved)
}

// UnmarshalBinary implements Durable. It comes after Bind.
func (p *Partition) UnmarshalBinary(data []byte) error {
	var saved []*part
	err := fromGob(data, &saved)
	for _, x := range saved {
		_, failed := p.add(x)
		err = errors.Join(err, failed)
		p.clock = max(p.clock, x.Last)
	}
	return err
}
