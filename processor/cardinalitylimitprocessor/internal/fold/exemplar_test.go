// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// withExemplars adds exemplars with the values from, from+1 ... to a point.
func withExemplars(p *Point, from, n int) *Point {
	for i := range n {
		e := p.Exemplars().AppendEmpty()
		e.SetIntValue(int64(from + i))
		e.SetTraceID(pcommon.TraceID{1, byte(from + i)})
		e.SetSpanID(pcommon.SpanID{2, byte(from + i)})
		e.FilteredAttributes().PutStr("user.id", "u")
		e.FilteredAttributes().PutStr("route", "/")
	}
	return p
}

func TestT18ExemplarsAreFewAndWhole(t *testing.T) {
	points := map[string]struct {
		form Form
		make func(at pcommon.Timestamp) *Point
	}{
		"number":      {deltaCounter, func(at pcommon.Timestamp) *Point { return ints(0, at, 1) }},
		"explicit":    {deltaHistogram, func(at pcommon.Timestamp) *Point { return explicit(0, at, nil, 1) }},
		"exponential": {deltaExponential, func(at pcommon.Timestamp) *Point { return exponentialPoint(0, at, 0, 0, 1.5) }},
		"cumulative":  {counter, func(at pcommon.Timestamp) *Point { return ints(0, at, int64(at)) }},
	}
	for name, c := range points {
		t.Run(name, func(t *testing.T) {
			var v, last Value
			for i := range 10 {
				foldOne(c.form, &v, &last, withExemplars(c.make(pcommon.Timestamp(i+1)), i*3, 3))
			}
			p := c.form.Write(&v, pmetric.NewMetric())
			if n := p.Exemplars().Len(); n != maxExemplars {
				t.Fatalf("%d exemplars", n)
			}
			for _, e := range p.Exemplars().All() {
				if b := byte(e.IntValue()); e.TraceID() != (pcommon.TraceID{1, b}) || e.SpanID() != (pcommon.SpanID{2, b}) || e.FilteredAttributes().Len() != 2 {
					t.Errorf("%d: %v, %v, %v", b, e.TraceID(), e.SpanID(), e.FilteredAttributes().AsRaw())
				}
			}
			p.StripExemplars("user.id")
			for _, e := range p.Exemplars().All() {
				if _, has := e.FilteredAttributes().Get("user.id"); has || e.FilteredAttributes().Len() != 1 {
					t.Errorf("stripped to %v", e.FilteredAttributes().AsRaw())
				}
			}
			if n := c.form.Write(&v, pmetric.NewMetric()).Exemplars().At(0).FilteredAttributes().Len(); n != 2 {
				t.Error("what was stripped from a point is gone from the value")
			}
			v.ResetExemplars()
			if p := c.form.Write(&v, pmetric.NewMetric()); p.Exemplars().Len() != 0 || v.Points != 10 {
				t.Errorf("%d exemplars, %d points after the exemplars were forgotten", p.Exemplars().Len(), v.Points)
			}
		})
	}
}

func TestExemplarsOfARepeatedPointAreNotKeptTwice(t *testing.T) {
	var v, last Value
	p := withExemplars(ints(1, 10, 5), 0, 1)
	counter.AddSince(&v, &last, p, true)
	counter.AddSince(&v, &last, p, true)
	if n := counter.Write(&v, pmetric.NewMetric()).Exemplars().Len(); n != 1 {
		t.Errorf("%d exemplars", n)
	}
}

func TestTheChoiceOfExemplarsIsFairAndTheSameEveryTime(t *testing.T) {
	const offered, rounds = 40, 2000
	kept := make([]int, offered)
	seen := uint64(0)
	for range rounds {
		var v, again Value
		v.reservoir().salt, again.reservoir().salt = seen, seen
		seen++
		p := withExemplars(ints(0, 1, 1), 0, offered)
		deltaCounter.Add(&v, p)
		deltaCounter.Add(&again, p)
		a, b := v.exemplars.kept, again.exemplars.kept
		for i := range a.Len() {
			if a.At(i).IntValue() != b.At(i).IntValue() {
				t.Fatal("two choices of the same differ")
			}
			kept[a.At(i).IntValue()]++
		}
	}
	for i, n := range kept {
		if want := rounds * maxExemplars / offered; n < want*7/10 || n > want*13/10 {
			t.Errorf("exemplar %d was kept %d times of %d, want about %d", i, n, rounds, want)
		}
	}
}

func TestExemplarsOfMergedValuesAreOfBoth(t *testing.T) {
	var v, o Value
	deltaCounter.Add(&v, withExemplars(ints(0, 1, 1), 0, 2))
	deltaCounter.Add(&o, withExemplars(ints(0, 1, 1), 10, 20))
	deltaCounter.Merge(&v, &o)
	if v.exemplars.kept.Len() != maxExemplars || v.exemplars.offered != 22 || o.exemplars.kept.Len() != maxExemplars {
		t.Errorf("%d of %d", v.exemplars.kept.Len(), v.exemplars.offered)
	}
}
