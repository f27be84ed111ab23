// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package export turns cells into OTLP-ready metric data: families of series, and the Producer a metric reader
// collects them through.
package export

// Kind says which instrument a Family is.
type Kind uint8

// The kinds of the registry. Gauges and histograms carry float64, sums carry integers unless the Family has a
// Unit of its own.
const (
	Counter   Kind = iota + 1 // monotonic sum
	UpDown                    // non-monotonic sum; functions of one series add up
	Gauge                     // last value; of several functions of one series the largest wins
	Histogram                 // explicit buckets
)

// Family is one metric: everything about it but its series. Families are compared by address, so each is
// declared once.
type Family struct {
	Name        string
	Description string
	Unit        string
	Kind        Kind
	Bounds      []float64 // upper bucket bounds in Unit, Histogram only

	// PerUnit is how many of a cell's whole numbers make one Unit: 1e9 where cells hold nanoseconds and the
	// metric is in seconds. Zero means that cells count in Unit.
	PerUnit float64
}

// scaled reports whether values are exported as float64.
func (f *Family) scaled() bool {
	return f.PerUnit != 0
}

func (f *Family) perUnit() float64 {
	if f.PerUnit == 0 {
		return 1
	}
	return f.PerUnit
}
