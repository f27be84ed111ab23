// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"math"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Deviation keeps a sliding window of averages per symbol and passes a row when
// its average is further from the window's mean than a share of that mean. The
// window includes the row itself.
type Deviation struct {
	window    *window.Sliding
	extent    window.Extent
	meter     meter
	threshold float64
	views     []window.View // by row of the batch at hand
	means     []float64     // likewise
	in, out   deviationColumns

	deviations []float64 // from the mean, as a share of it

	bytes atomic.Int64
}

type deviationColumns struct {
	schema                                              *event.Schema
	symbol, name, sector, avg, mean, deviation, results int
}

// NewDeviation reads the columns symbol, name, sector and avg of in; out has
// those, and mean, deviation and results.
func NewDeviation(e window.Extent, threshold float64, in, out *event.Schema) *Deviation {
	at := func(s *event.Schema) deviationColumns {
		return deviationColumns{
			schema: s, symbol: s.MustIndex("symbol"), name: s.MustIndex("name"),
			sector: s.MustIndex("sector"), avg: s.MustIndex("avg"),
		}
	}
	d := &Deviation{window: window.NewSliding(e), extent: e, threshold: threshold, in: at(in), out: at(out)}
	d.out.mean, d.out.deviation, d.out.results = out.MustIndex("mean"), out.MustIndex("deviation"), out.MustIndex("results")
	return d
}

// Kind implements Operator.
func (d *Deviation) Kind() string { return "window" }

// Bind implements Operator.
func (d *Deviation) Bind(h Handles) { d.meter = newMeter(h) }

// Process implements Operator.
func (d *Deviation) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	span := b.Span(telemetry.StageWindow)
	leaf := span.Span(telemetry.StageAccumulate)
	d.accumulate(in)
	leaf.End()
	span.End()

	span = b.Span(telemetry.StageAggregation)
	leaf = span.Span(telemetry.StageStateUpdate)
	d.update()
	leaf.End()
	leaf = span.Span(telemetry.StageCompute)
	d.compute(in)
	leaf.End()
	span.End()

	span = b.Span(telemetry.StageFilter)
	leaf = span.Span(telemetry.StageExpression)
	out := d.pass(in)
	leaf.End()
	span.End()
	d.window.Compact()
	d.bytes.Store(d.window.Bytes())
	return out
}

func (d *Deviation) accumulate(in *event.Batch) {
	before := d.window.Len()
	d.views = d.views[:0]
	for i := range in.Len() {
		r := in.Row(i)
		d.views = append(d.views, d.window.Push(int(r.Symbol(d.in.symbol)), r.Time(), r.Float(d.in.avg)))
	}
	d.meter.moved(in.Len(), before+in.Len()-d.window.Len())
	d.meter.triggers.Add(in.Len())
}

func (d *Deviation) update() {
	d.means = d.means[:0]
	for _, v := range d.views {
		d.means = append(d.means, d.window.Mean(v))
	}
}

func (d *Deviation) compute(in *event.Batch) {
	d.deviations = d.deviations[:0]
	for i, mean := range d.means {
		d.deviations = append(d.deviations, (in.Row(i).Float(d.in.avg)-mean)/math.Abs(mean))
	}
}

func (d *Deviation) pass(in *event.Batch) *event.Batch {
	var out *event.Batch
	for i, deviation := range d.deviations {
		if !(math.Abs(deviation) > d.threshold) { // not so for NaN, either
			continue
		}
		if out == nil {
			out = event.NewBatch(d.out.schema, in.Len()-i)
		}
		r, a := in.Row(i), out.Append()
		a.SetTime(r.Time())
		a.SetSymbol(d.out.symbol, r.Symbol(d.in.symbol))
		a.SetSymbol(d.out.name, r.Symbol(d.in.name))
		a.SetSymbol(d.out.sector, r.Symbol(d.in.sector))
		a.SetFloat(d.out.avg, r.Float(d.in.avg))
		a.SetFloat(d.out.mean, d.means[i])
		a.SetFloat(d.out.deviation, deviation)
		a.SetInt(d.out.results, int64(d.views[i].Len()))
	}
	return out
}

// Close implements Windowed: a sliding window owes nothing at the end.
func (d *Deviation) Close(telemetry.Batch, time.Time) *event.Batch { return nil }

// WindowType implements Windowed.
func (d *Deviation) WindowType() string { return "sliding" }

// Duration implements Windowed.
func (d *Deviation) Duration() time.Duration { return d.extent.Span }

// Holds implements Windowed.
func (d *Deviation) Holds() bool { return false }

// Bytes implements Stateful.
func (d *Deviation) Bytes() int64 { return d.bytes.Load() }
