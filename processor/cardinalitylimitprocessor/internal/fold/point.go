// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Point is a view on one point of any type. It copies nothing: what is changed through it
// is changed in the metrics data.
type Point struct {
	kind        kind
	number      pmetric.NumberDataPoint
	histogram   pmetric.HistogramDataPoint
	exponential pmetric.ExponentialHistogramDataPoint
	summary     pmetric.SummaryDataPoint
}

type kind uint8

const (
	kindNumber kind = iota
	kindHistogram
	kindExponential
	kindSummary
)

// NumberPoint returns the view on a point of a sum or a gauge.
func NumberPoint(p pmetric.NumberDataPoint) *Point {
	return &Point{kind: kindNumber, number: p}
}

// HistogramPoint returns the view on a point of an explicit histogram.
func HistogramPoint(p pmetric.HistogramDataPoint) *Point {
	return &Point{kind: kindHistogram, histogram: p}
}

// ExponentialPoint returns the view on a point of an exponential histogram.
func ExponentialPoint(p pmetric.ExponentialHistogramDataPoint) *Point {
	return &Point{kind: kindExponential, exponential: p}
}

// SummaryPoint returns the view on a point of a summary.
func SummaryPoint(p pmetric.SummaryDataPoint) *Point {
	return &Point{kind: kindSummary, summary: p}
}

// Attributes returns the attributes of the point.
func (p *Point) Attributes() pcommon.Map {
	switch p.kind {
	case kindHistogram:
		return p.histogram.Attributes()
	case kindExponential:
		return p.exponential.Attributes()
	case kindSummary:
		return p.summary.Attributes()
	default:
		return p.number.Attributes()
	}
}

// Flags returns the flags of the point.
func (p *Point) Flags() pmetric.DataPointFlags {
	switch p.kind {
	case kindHistogram:
		return p.histogram.Flags()
	case kindExponential:
		return p.exponential.Flags()
	case kindSummary:
		return p.summary.Flags()
	default:
		return p.number.Flags()
	}
}

// Start returns when the window of the point began; 0 is not known.
func (p *Point) Start() pcommon.Timestamp {
	switch p.kind {
	case kindHistogram:
		return p.histogram.StartTimestamp()
	case kindExponential:
		return p.exponential.StartTimestamp()
	case kindSummary:
		return p.summary.StartTimestamp()
	default:
		return p.number.StartTimestamp()
	}
}

// Timestamp returns when the window of the point ended; 0 is not known.
func (p *Point) Timestamp() pcommon.Timestamp {
	switch p.kind {
	case kindHistogram:
		return p.histogram.Timestamp()
	case kindExponential:
		return p.exponential.Timestamp()
	case kindSummary:
		return p.summary.Timestamp()
	default:
		return p.number.Timestamp()
	}
}

// SetTimes sets the window of the point.
func (p *Point) SetTimes(start, end pcommon.Timestamp) {
	switch p.kind {
	case kindHistogram:
		p.histogram.SetStartTimestamp(start)
		p.histogram.SetTimestamp(end)
	case kindExponential:
		p.exponential.SetStartTimestamp(start)
		p.exponential.SetTimestamp(end)
	case kindSummary:
		p.summary.SetStartTimestamp(start)
		p.summary.SetTimestamp(end)
	default:
		p.number.SetStartTimestamp(start)
		p.number.SetTimestamp(end)
	}
}

// Exemplars returns the exemplars of the point. Summaries have none, and what is returned
// for them is not part of the point.
func (p *Point) Exemplars() pmetric.ExemplarSlice {
	switch p.kind {
	case kindHistogram:
		return p.histogram.Exemplars()
	case kindExponential:
		return p.exponential.Exemplars()
	case kindSummary:
		return pmetric.NewExemplarSlice()
	default:
		return p.number.Exemplars()
	}
}

// StripExemplars removes a key from the filtered attributes of the point's exemplars: an
// attribute that was folded away would otherwise live on in them.
func (p *Point) StripExemplars(key string) {
	for _, e := range p.Exemplars().All() {
		e.FilteredAttributes().Remove(key)
	}
}

// Weight returns how much the point counts for: the size of a number, the count of a
// histogram or summary.
func (p *Point) Weight() float64 {
	switch p.kind {
	case kindHistogram:
		return float64(p.histogram.Count())
	case kindExponential:
		return float64(p.exponential.Count())
	case kindSummary:
		return float64(p.summary.Count())
	default:
		if p.number.ValueType() == pmetric.NumberDataPointValueTypeDouble {
			return math.Abs(p.number.DoubleValue())
		}
		return math.Abs(float64(p.number.IntValue()))
	}
}

// Replace gives the point the value of another one of the same type, and a new start.
// Everything else stays: attributes, timestamp, flags, exemplars.
func (p *Point) Replace(value *Point, start pcommon.Timestamp) {
	switch p.kind {
	case kindHistogram:
		keep(p.histogram, value.histogram)
		value.histogram.MoveTo(p.histogram)
	case kindExponential:
		keep(p.exponential, value.exponential)
		value.exponential.MoveTo(p.exponential)
	case kindSummary:
		p.summary.SetCount(value.summary.Count())
		p.summary.SetSum(value.summary.Sum())
		p.summary.QuantileValues().RemoveIf(func(pmetric.SummaryDataPointValueAtQuantile) bool { return true })
	default:
		if value.number.ValueType() == pmetric.NumberDataPointValueTypeDouble {
			p.number.SetDoubleValue(value.number.DoubleValue())
		} else {
			p.number.SetIntValue(value.number.IntValue())
		}
	}
	p.SetTimes(start, p.Timestamp())
}

// described is what a point has beside its value.
type described interface {
	Attributes() pcommon.Map
	Exemplars() pmetric.ExemplarSlice
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	Flags() pmetric.DataPointFlags
	SetFlags(pmetric.DataPointFlags)
}

// keep moves what is not the value to another point.
func keep(from, to described) {
	from.Attributes().MoveTo(to.Attributes())
	to.Exemplars().RemoveIf(func(pmetric.Exemplar) bool { return true })
	from.Exemplars().MoveAndAppendTo(to.Exemplars())
	to.SetTimestamp(from.Timestamp())
	to.SetFlags(from.Flags())
}
