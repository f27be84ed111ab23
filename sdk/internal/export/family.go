// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package export turns cells into OTLP-ready metric data: families of series, and the Producer a metric reader
// collects them through.
package export

// Kind says which instrument a Family is.
type Kind uint8

// The kinds of the registry. Counter and UpDown carry integers, Gauge and Histogram carry float64.
const (
	Counter   Kind = iota + 1 // monotonic cumulative sum
	UpDown                    // non-monotonic cumulative sum; functions of one series add up
	Gauge                     // last value; of several functions of one series the largest wins
	Histogram                 // explicit buckets
)

// Family is one metric: everything about it but its series. Families are compared by address, so each is
// declared once, as a package variable.
type Family struct {
	Name        string
	Description string
	Unit        string
	Kind        Kind
	Bounds      []float64 // upper bucket bounds, Histogram only
}
