// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// unit is a unit as so many of a base unit: num/den of it. Both are whole, so
// that scaling makes no rounding error of its own.
type unit struct {
	base     string
	num, den int64
}

// units are those that can be turned into one another.
var units = map[string]unit{
	"ns": {"s", 1, 1e9}, "us": {"s", 1, 1e6}, "\u00b5s": {"s", 1, 1e6}, "\u03bcs": {"s", 1, 1e6}, "ms": {"s", 1, 1e3},
	"s": {"s", 1, 1}, "min": {"s", 60, 1}, "h": {"s", 3600, 1}, "d": {"s", 86400, 1},
	"nanoseconds": {"s", 1, 1e9}, "microseconds": {"s", 1, 1e6}, "milliseconds": {"s", 1, 1e3}, "seconds": {"s", 1, 1},
	"By": {"By", 1, 1}, "bytes": {"By", 1, 1}, "Bytes": {"By", 1, 1}, "B": {"By", 1, 1},
	"kBy": {"By", 1e3, 1}, "MBy": {"By", 1e6, 1}, "GBy": {"By", 1e9, 1}, "TBy": {"By", 1e12, 1},
	"KiBy": {"By", 1 << 10, 1}, "MiBy": {"By", 1 << 20, 1}, "GiBy": {"By", 1 << 30, 1}, "TiBy": {"By", 1 << 40, 1},
	"1": {"1", 1, 1}, "%": {"1", 1, 100}, "percent": {"1", 1, 100},
}

// shares are annotations of numbers of which % is a hundredth.
var shares = map[string]bool{"{ratio}": true, "{utilization}": true}

// lookupUnit reads an annotation as a number without a unit: {event} and 1 are
// the same.
func lookupUnit(name string) (unit, bool) {
	if strings.HasPrefix(name, "{") && annotation(name) {
		return unit{"1", 1, 1}, true
	}
	u, ok := units[name]
	return u, ok
}

// scale turns a metric into another unit: values, and of histograms the bounds,
// the sum, the extremes and the exemplars. It reports whether it did. No factor
// between two units is known where they measure different things, and the buckets
// of exponential histograms cannot be moved by any factor but a power of their
// base.
func scale(m pmetric.Metric, to string) bool {
	from, known := lookupUnit(m.Unit())
	target, wanted := lookupUnit(to)
	if !known || !wanted || from.base != target.base || from.den != target.den && counted(m.Unit(), to) {
		return false
	}
	f := factor{from.num * target.den, from.den * target.num}
	if f.num != f.den && !f.apply(m) {
		return false
	}
	m.SetUnit(to)
	return true
}

// counted reports whether one of two units counts things, of which there is no
// percentage.
func counted(a, b string) bool {
	for _, name := range [...]string{a, b} {
		if strings.HasPrefix(name, "{") && !shares[name] {
			return true
		}
	}
	return false
}

// factor is num/den.
type factor struct{ num, den int64 }

// of divides last: what is exact in the old unit and a decimal in the new one
// gets the double nearest to it.
func (f factor) of(v float64) float64 { return v * float64(f.num) / float64(f.den) }

func (f factor) apply(m pmetric.Metric) bool {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		f.numbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		f.numbers(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			f.histogram(p)
		}
	default:
		return false
	}
	return true
}

func (f factor) numbers(points pmetric.NumberDataPointSlice) {
	for _, p := range points.All() {
		f.exemplars(p.Exemplars())
		switch {
		case p.ValueType() == pmetric.NumberDataPointValueTypeDouble:
			p.SetDoubleValue(f.of(p.DoubleValue()))
		case p.ValueType() == pmetric.NumberDataPointValueTypeInt && f.whole(p.IntValue()):
			p.SetIntValue(p.IntValue() * (f.num / f.den))
		case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
			p.SetDoubleValue(f.of(float64(p.IntValue())))
		}
	}
}

// whole reports whether the integer stays one, and a small enough one.
func (f factor) whole(v int64) bool {
	const half = 1 << 62
	times := f.num / f.den
	return f.num%f.den == 0 && v < half/times && v > -half/times
}

func (f factor) histogram(p pmetric.HistogramDataPoint) {
	bounds := p.ExplicitBounds()
	for i := range bounds.Len() {
		bounds.SetAt(i, f.of(bounds.At(i)))
	}
	if p.HasSum() {
		p.SetSum(f.of(p.Sum()))
	}
	if p.HasMin() {
		p.SetMin(f.of(p.Min()))
	}
	if p.HasMax() {
		p.SetMax(f.of(p.Max()))
	}
	f.exemplars(p.Exemplars())
}

func (f factor) exemplars(all pmetric.ExemplarSlice) {
	for _, e := range all.All() {
		switch e.ValueType() {
		case pmetric.ExemplarValueTypeInt:
			e.SetDoubleValue(f.of(float64(e.IntValue())))
		case pmetric.ExemplarValueTypeDouble:
			e.SetDoubleValue(f.of(e.DoubleValue()))
		default: // without a value
		}
	}
}
