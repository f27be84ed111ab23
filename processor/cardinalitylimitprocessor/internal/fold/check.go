// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Check returns whether the point can take part in a fold of this form. It must be asked
// before Add and AddSince, which rely on it. It reads every bucket once.
func (f Form) Check(p *Point) Reason {
	if p.Flags().NoRecordedValue() {
		return NoRecordedValue
	}
	switch p.kind {
	case kindHistogram:
		return checkHistogram(p.histogram)
	case kindExponential:
		return checkExponential(p.exponential)
	case kindSummary:
		if !finite(p.summary.Sum()) {
			return InvalidValue
		}
		return Foldable
	default:
		return f.checkNumber(p.number)
	}
}

func (f Form) checkNumber(p pmetric.NumberDataPoint) Reason {
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		if f.Monotonic && p.IntValue() < 0 {
			return InvalidValue
		}
	case pmetric.NumberDataPointValueTypeDouble:
		v := p.DoubleValue()
		switch {
		case f.Type != pmetric.MetricTypeGauge || f.Gauge == Sum:
			if !finite(v) || f.Monotonic && v < 0 {
				return InvalidValue
			}
		case f.Gauge != Last && math.IsNaN(v):
			return InvalidValue // neither the lowest nor the highest
		}
	default:
		return InvalidValue
	}
	return Foldable
}

// finite returns whether a double can be added up.
func finite(v float64) bool { return math.Abs(v) <= maxDouble } // false for NaN
