// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"math"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// values are pairwise different as attribute values.
func values() map[string]func(pcommon.Value) {
	return map[string]func(pcommon.Value){
		"empty value":     func(pcommon.Value) {},
		"empty string":    func(v pcommon.Value) { v.SetStr("") },
		"string 1":        func(v pcommon.Value) { v.SetStr("1") },
		"string 1.0":      func(v pcommon.Value) { v.SetStr("1.0") },
		"string true":     func(v pcommon.Value) { v.SetStr("true") },
		"string with nul": func(v pcommon.Value) { v.SetStr("1\x00") },
		"int 0":           func(v pcommon.Value) { v.SetInt(0) },
		"int 1":           func(v pcommon.Value) { v.SetInt(1) },
		"int of bits":     func(v pcommon.Value) { v.SetInt(int64(math.Float64bits(1))) },
		"double 0":        func(v pcommon.Value) { v.SetDouble(0) },
		"double -0":       func(v pcommon.Value) { v.SetDouble(math.Copysign(0, -1)) },
		"double 1":        func(v pcommon.Value) { v.SetDouble(1) },
		"double NaN":      func(v pcommon.Value) { v.SetDouble(math.NaN()) },
		"false":           func(v pcommon.Value) { v.SetBool(false) },
		"true":            func(v pcommon.Value) { v.SetBool(true) },
		"no bytes":        func(v pcommon.Value) { v.SetEmptyBytes() },
		"bytes of 1":      func(v pcommon.Value) { v.SetEmptyBytes().FromRaw([]byte("1")) },
		"no slice":        func(v pcommon.Value) { v.SetEmptySlice() },
		"slice 1":         func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty().SetStr("1") },
		"slice 1 2":       func(v pcommon.Value) { _ = v.SetEmptySlice().FromRaw([]any{"1", "2"}) },
		"slice 2 1":       func(v pcommon.Value) { _ = v.SetEmptySlice().FromRaw([]any{"2", "1"}) },
		"slice in slice":  func(v pcommon.Value) { _ = v.SetEmptySlice().FromRaw([]any{[]any{"1"}, "2"}) },
		"slice of empty":  func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty() },
		"no map":          func(v pcommon.Value) { v.SetEmptyMap() },
		"map 1":           func(v pcommon.Value) { v.SetEmptyMap().PutStr("1", "") },
		"map 1 1":         func(v pcommon.Value) { v.SetEmptyMap().PutStr("1", "1") },
		"map in map":      func(v pcommon.Value) { v.SetEmptyMap().PutEmptyMap("1").PutStr("1", "") },
	}
}

func TestDifferentValuesAreDifferentSeries(t *testing.T) {
	h := New(NewSeed())
	seen := map[uint64]string{}
	for name, set := range values() {
		m := pcommon.NewMap()
		set(m.PutEmpty("k"))
		f := series(h, m)
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s are one series", name, other)
		}
		seen[f] = name
	}
	f := series(h, pcommon.NewMap())
	if other, ok := seen[f]; ok {
		t.Errorf("no attribute and %s are one series", other)
	}
}

func TestEveryNaNIsTheSame(t *testing.T) {
	h := New(NewSeed())
	a, b := pcommon.NewMap(), pcommon.NewMap()
	a.PutDouble("k", math.NaN())
	b.PutDouble("k", math.Float64frombits(math.Float64bits(math.NaN())^1))
	if series(h, a) != series(h, b) {
		t.Error("two NaN are two series")
	}
}

func TestTextIsNotRunTogether(t *testing.T) {
	h := New(NewSeed())
	cases := [][]string{{"a", "bc", "d", ""}, {"ab", "c", "d", ""}, {"a", "bcd", "", ""}, {"a", "b", "c", "d"}, {"c", "d", "a", "x"}, {"a", "", "bc", "d"}}
	seen := map[uint64][]string{}
	for _, c := range cases {
		m := pcommon.NewMap()
		m.PutStr(c[0], c[1])
		m.PutStr(c[2], c[3])
		if other, ok := seen[series(h, m)]; ok {
			t.Errorf("%q and %q are one series", c, other)
		}
		seen[series(h, m)] = c
	}
}

// A pair that occurs twice, which the wire format allows, must not cancel itself out.
func TestT20DuplicateKeysDoNotVanish(t *testing.T) {
	h := New(NewSeed())
	twice, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(`{"resourceMetrics":[{"resource":{"attributes":[
		{"key":"k","value":{"stringValue":"v"}},{"key":"k","value":{"stringValue":"v"}}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	m := twice.ResourceMetrics().At(0).Resource().Attributes()
	if m.Len() != 2 {
		t.Fatalf("decoded %d pairs, want 2", m.Len())
	}
	once := pcommon.NewMap()
	once.PutStr("k", "v")
	if series(h, m) == series(h, pcommon.NewMap()) || series(h, m) == series(h, once) {
		t.Error("a pair that occurs twice counts like none or one")
	}
}

func TestNestedMapsHaveNoOrder(t *testing.T) {
	h := New(NewSeed())
	a, b := pcommon.NewMap(), pcommon.NewMap()
	_ = a.FromRaw(map[string]any{"outer": map[string]any{}})
	for _, k := range []string{"x", "y", "z"} {
		inner, _ := a.Get("outer")
		inner.Map().PutStr(k, k)
	}
	inner := b.PutEmptyMap("outer")
	for _, k := range []string{"z", "x", "y"} {
		inner.PutStr(k, k)
	}
	if series(h, a) != series(h, b) {
		t.Error("the order inside a nested map makes another series")
	}
}

func TestNestingBeyondReasonEndsInTime(t *testing.T) {
	m := pcommon.NewMap()
	v := m.PutEmpty("k")
	for range 5000 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	series(New(NewSeed()), m)
}

func TestOneDifferenceMakesAnotherSeries(t *testing.T) {
	h := New(NewSeed())
	seen := map[uint64]string{}
	for name, change := range changes() {
		rm := reference()
		change(rm)
		sm := rm.ScopeMetrics().At(0)
		f := Series(h.Scope(h.Resource(rm.Resource().Attributes()), sm.Scope()), h.Metric(sm.Metrics().At(0)).Stream, 0)
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s are one series", name, other)
		}
		seen[f] = name
	}
}

func reference() pmetric.ResourceMetrics {
	rm := pmetric.NewResourceMetrics()
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Metrics().AppendEmpty().SetEmptySum()
	return rm
}

func changes() map[string]func(pmetric.ResourceMetrics) {
	scope := func(rm pmetric.ResourceMetrics) pcommon.InstrumentationScope { return rm.ScopeMetrics().At(0).Scope() }
	metric := func(rm pmetric.ResourceMetrics) pmetric.Metric { return rm.ScopeMetrics().At(0).Metrics().At(0) }
	return map[string]func(pmetric.ResourceMetrics){
		"nothing":            func(pmetric.ResourceMetrics) {},
		"resource attribute": func(rm pmetric.ResourceMetrics) { rm.Resource().Attributes().PutStr("a", "b") },
		"scope name":         func(rm pmetric.ResourceMetrics) { scope(rm).SetName("a") },
		"scope version":      func(rm pmetric.ResourceMetrics) { scope(rm).SetVersion("a") },
		"scope attribute":    func(rm pmetric.ResourceMetrics) { scope(rm).Attributes().PutStr("a", "b") },
		"name":               func(rm pmetric.ResourceMetrics) { metric(rm).SetName("a") },
		"unit":               func(rm pmetric.ResourceMetrics) { metric(rm).SetUnit("a") },
		"monotonic":          func(rm pmetric.ResourceMetrics) { metric(rm).Sum().SetIsMonotonic(true) },
		"delta": func(rm pmetric.ResourceMetrics) {
			metric(rm).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		},
		"cumulative": func(rm pmetric.ResourceMetrics) {
			metric(rm).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		},
		"no type":   func(rm pmetric.ResourceMetrics) { pmetric.NewMetric().CopyTo(metric(rm)) },
		"gauge":     func(rm pmetric.ResourceMetrics) { metric(rm).SetEmptyGauge() },
		"summary":   func(rm pmetric.ResourceMetrics) { metric(rm).SetEmptySummary() },
		"histogram": func(rm pmetric.ResourceMetrics) { metric(rm).SetEmptyHistogram() },
		"delta histogram": func(rm pmetric.ResourceMetrics) {
			metric(rm).SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		},
		"exponential histogram": func(rm pmetric.ResourceMetrics) { metric(rm).SetEmptyExponentialHistogram() },
		"delta exponential histogram": func(rm pmetric.ResourceMetrics) {
			metric(rm).SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		},
	}
}

func TestDescriptionIsNoPartOfTheIdentity(t *testing.T) {
	h := New(NewSeed())
	a, b := pmetric.NewMetric(), pmetric.NewMetric()
	b.SetDescription("other words")
	if h.Metric(a) != h.Metric(b) {
		t.Error("the description makes another metric")
	}
}

func TestMarkedSeriesAreToldByTheBooleanTrue(t *testing.T) {
	cases := map[string]struct {
		set  func(pcommon.Map)
		want bool
	}{
		"not there": {func(pcommon.Map) {}, false},
		"true":      {func(m pcommon.Map) { m.PutBool(OverflowKey, true) }, true},
		"and more":  {func(m pcommon.Map) { m.PutStr("a", "b"); m.PutBool(OverflowKey, true) }, true},
		"false":     {func(m pcommon.Map) { m.PutBool(OverflowKey, false) }, false},
		"a string":  {func(m pcommon.Map) { m.PutStr(OverflowKey, "true") }, false},
		"nested":    {func(m pcommon.Map) { m.PutEmptyMap("a").PutBool(OverflowKey, true) }, false},
	}
	for name, c := range cases {
		m := pcommon.NewMap()
		c.set(m)
		if _, got := New(NewSeed()).Attributes(m); got != c.want {
			t.Errorf("%s: marked = %v, want %v", name, got, c.want)
		}
	}
}

func TestAMillionSeriesDoNotCollide(t *testing.T) {
	h := New(NewSeed())
	const n = 1_000_000
	m := pcommon.NewMap()
	m.PutStr("stream.name", "orders")
	v := m.PutEmpty("query.id")
	all := make([]uint64, n)
	for i := range all {
		v.SetInt(int64(i))
		all[i] = series(h, m)
	}
	slices.Sort(all)
	if distinct := len(slices.Compact(all)); distinct != n {
		t.Errorf("%d series have %d fingerprints", n, distinct)
	}
}

func TestHashersAreSeeded(t *testing.T) {
	m := pcommon.NewMap()
	m.PutStr("a", "b")
	one, other := series(New(NewSeed()), m), series(New(NewSeed()), m)
	if one == other {
		t.Error("two hashers agree: fingerprints can be prepared")
	}
}

func TestFingerprintsDoNotAllocate(t *testing.T) {
	h := New(NewSeed())
	m := pcommon.NewMap()
	for name, set := range values() {
		set(m.PutEmpty(name))
	}
	if n := testing.AllocsPerRun(100, func() { series(h, m) }); n > 0 {
		t.Errorf("%v allocations per fingerprint", n)
	}
}

func series(h *Hasher, m pcommon.Map) uint64 {
	sum, _ := h.Attributes(m)
	return Series(1, 2, sum)
}
