// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestFormOf(t *testing.T) {
	const (
		delta      = pmetric.AggregationTemporalityDelta
		cumulative = pmetric.AggregationTemporalityCumulative
		unset      = pmetric.AggregationTemporalityUnspecified
	)
	sum := func(temporality pmetric.AggregationTemporality, monotonic bool) pmetric.Metric {
		m := pmetric.NewMetric()
		m.SetEmptySum().SetAggregationTemporality(temporality)
		m.Sum().SetIsMonotonic(monotonic)
		return m
	}
	of := func(set func(pmetric.Metric)) pmetric.Metric {
		m := pmetric.NewMetric()
		set(m)
		return m
	}
	explicit := func(temporality pmetric.AggregationTemporality) pmetric.Metric {
		return of(func(m pmetric.Metric) { m.SetEmptyHistogram().SetAggregationTemporality(temporality) })
	}
	exponential := func(temporality pmetric.AggregationTemporality) pmetric.Metric {
		return of(func(m pmetric.Metric) { m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality) })
	}
	cases := map[string]struct {
		metric pmetric.Metric
		form   Form
		reason Reason
	}{
		"delta counter":                    {sum(delta, true), deltaCounter, Foldable},
		"delta up-down counter":            {sum(delta, false), deltaUpDown, Foldable},
		"cumulative counter":               {sum(cumulative, true), counter, Foldable},
		"cumulative up-down counter":       {sum(cumulative, false), upDown, Foldable},
		"temporality not set":              {sum(unset, true), Form{}, UnspecifiedTemporality},
		"gauge":                            {of(func(m pmetric.Metric) { m.SetEmptyGauge() }), gaugeBy(Max), Foldable},
		"delta histogram":                  {explicit(delta), Form{Type: pmetric.MetricTypeHistogram}, Foldable},
		"cumulative histogram":             {explicit(cumulative), Form{Type: pmetric.MetricTypeHistogram, Cumulative: true}, Foldable},
		"histogram of no temporality":      {explicit(unset), Form{}, UnspecifiedTemporality},
		"delta exponential histogram":      {exponential(delta), Form{Type: pmetric.MetricTypeExponentialHistogram}, Foldable},
		"cumulative exponential histogram": {exponential(cumulative), Form{Type: pmetric.MetricTypeExponentialHistogram, Cumulative: true}, Foldable},
		"summary":                          {of(func(m pmetric.Metric) { m.SetEmptySummary() }), summary, Foldable},
		"a metric without a type":          {pmetric.NewMetric(), Form{}, InvalidValue},
	}
	for name, c := range cases {
		form, reason := FormOf(c.metric, Max)
		if form != c.form || reason != c.reason {
			t.Errorf("%s: %+v, %q, want %+v, %q", name, form, reason, c.form, c.reason)
		}
		if reason != Foldable {
			continue
		}
		var v Value
		again := pmetric.NewMetric()
		form.Write(&v, again)
		if form, reason := FormOf(again, Max); form != c.form || reason != Foldable {
			t.Errorf("%s: written as %+v, %q", name, form, reason)
		}
	}
}

func TestEveryReasonHasItsOwnName(t *testing.T) {
	seen := map[string]Reason{}
	for r := range Reason(Reasons) {
		if other, ok := seen[r.String()]; ok {
			t.Errorf("reasons %d and %d are both called %q", r, other, r)
		}
		seen[r.String()] = r
	}
}

func TestOnlyLevelsAndCumulativePointsHaveSources(t *testing.T) {
	for f, want := range map[Form][2]bool{
		deltaCounter: {}, deltaUpDown: {}, gaugeBy(Last): {}, gaugeBy(Min): {},
		counter: {true, false}, summary: {true, false},
		upDown: {true, true}, gaugeBy(Sum): {true, true},
	} {
		if got := [2]bool{f.Sourced(), f.Level()}; got != want {
			t.Errorf("%+v: sourced, level: %v, want %v", f, got, want)
		}
	}
}
