// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/aggregate"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// trading returns batches of 64 trades of 24 symbols.
func trading() []*event.Batch {
	batches, x := make([]*event.Batch, 512), uint32(1)
	for i := range batches {
		batches[i] = event.NewBatch(enginetest.Filtered, 64)
		for range 64 {
			x = x*1664525 + 1013904223
			r := batches[i].Append()
			r.SetSymbol(0, event.ID((x>>16)%24))
			r.SetFloat(1, float64((x>>8)%1000)/7)
			r.SetInt(2, int64((x>>20)%100))
		}
	}
	return batches
}

// benchmark measures one row, 10 µs of event time after the one before.
func benchmark(b *testing.B, op Operator) {
	b.Helper()
	batches, at := trading(), int64(0)
	b.ReportAllocs()
	for n := 0; n < b.N; n += 64 {
		in := batches[n/64%len(batches)]
		for i := range in.Len() {
			at += 10_000
			in.Row(i).SetTime(at)
		}
		op.Process(none, in)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkWindow(b *testing.B) {
	price := []aggregate.Spec{
		{Func: aggregate.Count},
		{Func: aggregate.Sum, Column: 1, Type: event.Float},
		{Func: aggregate.Avg, Column: 1, Type: event.Float},
		{Func: aggregate.Min, Column: 1, Type: event.Float},
		{Func: aggregate.Max, Column: 1, Type: event.Float},
	}
	both := append(price[:5:5], aggregate.Spec{Func: aggregate.Sum, Column: 2, Type: event.Int}, aggregate.Spec{Func: aggregate.StdDev, Column: 1, Type: event.Float})
	const size = 100 * time.Millisecond
	for _, c := range []struct {
		name    string
		config  window.Config
		groupBy []int
		specs   []aggregate.Spec
	}{
		{"tumbling", window.Config{Size: size}, []int{0}, price},
		{"tumbling, no group", window.Config{Size: size}, nil, price},
		{"tumbling, two columns", window.Config{Size: size}, []int{0, 2}, price},
		{"tumbling, stddev", window.Config{Size: size}, []int{0}, both},
		{"hopping, 5 panes", window.Config{Size: size, Slide: size / 5}, []int{0}, price},
		{"session", window.Config{Gap: size / 100}, []int{0}, price},
	} {
		b.Run(c.name, func(b *testing.B) {
			panes, err := window.New(c.config)
			if err != nil {
				b.Fatal(err)
			}
			sel, _ := selectionOf(enginetest.Filtered, c.groupBy, c.specs, true)
			benchmark(b, NewWindow(panes, "tumbling", size, enginetest.Filtered, sel))
		})
	}
	b.Run("rows, avg of 100", func(b *testing.B) {
		sel, _ := selectionOf(enginetest.Filtered, []int{0}, price[2:3], false)
		benchmark(b, NewRows(window.Extent{Count: 100}, "length", enginetest.Filtered, sel))
	})
}
