// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package datapoints

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestCount(t *testing.T) {
	for want, add := range []func(pmetric.Metric){
		func(pmetric.Metric) {},
		func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) {
			m.SetEmptySum().DataPoints().EnsureCapacity(2)
			m.Sum().DataPoints().AppendEmpty()
			m.Sum().DataPoints().AppendEmpty()
		},
		func(m pmetric.Metric) { fill(3, m.SetEmptyHistogram().DataPoints().AppendEmpty) },
		func(m pmetric.Metric) { fill(4, m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty) },
		func(m pmetric.Metric) { fill(5, m.SetEmptySummary().DataPoints().AppendEmpty) },
	} {
		m := pmetric.NewMetric()
		add(m)
		if got := Count(m); got != want {
			t.Errorf("Count(%s) = %d, want %d", m.Type(), got, want)
		}
	}
}

func fill[P any](n int, add func() P) {
	for range n {
		add()
	}
}
