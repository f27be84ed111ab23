// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMetricIsFoundByItsName(t *testing.T) {
	m, ok := LookupMetric("query.events.processed")
	require.True(t, ok)
	assert.Equal(t, "query.events.processed", m.Name())
	assert.Equal(t, "{event}", m.Unit())
	assert.Equal(t, Counter, m.Instrument())
	assert.Equal(t, Basic, m.Level())
	assert.True(t, m.Fixed())
	assert.Equal(t, "query_events_processed_total", m.PrometheusName())
	var keys []string
	for u := range m.Attributes() {
		assert.True(t, u.Required())
		keys = append(keys, u.Key())
	}
	assert.Equal(t, []string{"query.id", "stream.name"}, keys)
	_, ok = m.Attribute("output.stream")
	assert.False(t, ok)
}

func TestAnUnknownNameIsNothing(t *testing.T) {
	m, ok := LookupMetric("query.Latency")
	assert.False(t, ok)
	assert.Empty(t, m.Name())
	assert.Empty(t, slices.Collect(m.Attributes()))
	assert.Equal(t, "none", m.Instrument().String())
	e, ok := LookupEvent("")
	assert.False(t, ok)
	assert.Empty(t, e.Name())
	use, ok := m.Attribute("query.id")
	assert.False(t, ok)
	assert.Empty(t, use.Key())
	assert.Empty(t, slices.Collect(use.Values()))
	assert.Equal(t, "none", use.Type().String())
}

func TestASpanIsFoundByItsFullName(t *testing.T) {
	for name, want := range map[string]string{
		"query.execute top deals": "query.execute",
		"query.execute":           "query.execute",
		"filter.process":          "filter.process",
		"filter.process x":        "",
		"query.execute ":          "",
		"query":                   "",
		"":                        "",
	} {
		s, ok := LookupSpan(name)
		assert.Equal(t, want != "", ok, name)
		assert.Equal(t, want, s.Name())
	}
	s, _ := LookupSpan("sink.send log")
	assert.Equal(t, "eventflux.sink.type", s.NameKey())
	assert.Equal(t, "producer", s.Kind())
	assert.Equal(t, Detail, s.Level())
	retries, ok := s.Attribute("eventflux.retry.count")
	assert.True(t, ok)
	assert.False(t, retries.Required())
	assert.Equal(t, Int, retries.Type())
}

func TestOnlyAnEnumRestrictsItsValues(t *testing.T) {
	m, _ := LookupMetric("connections")
	result, ok := m.Attribute("result")
	require.True(t, ok)
	assert.True(t, result.Allows("failure"))
	assert.False(t, result.Allows("maybe"))
	assert.Contains(t, slices.Collect(result.Values()), "timeout")
	protocol, _ := m.Attribute("protocol")
	assert.Equal(t, String, protocol.Type())
	assert.True(t, protocol.Allows("anything"))
}

func TestAnEventHasItsSeverity(t *testing.T) {
	e, ok := LookupEvent("eventflux.checkpoint.failed")
	require.True(t, ok)
	assert.Equal(t, "error", e.Severity())
	kind, ok := e.Attribute("eventflux.checkpoint.type")
	assert.True(t, ok)
	assert.True(t, kind.Required())
}

func TestTheTableIsWhole(t *testing.T) {
	fixed := 0
	for m := range Metrics() {
		found, ok := LookupMetric(m.Name())
		assert.True(t, ok)
		assert.Equal(t, m, found)
		assert.NotEmpty(t, m.PrometheusName())
		assert.NotEmpty(t, m.Unit())
		assert.Equal(t, m.Instrument() == Counter, strings.HasSuffix(m.PrometheusName(), "_total"), m.Name())
		if m.Fixed() {
			fixed++
		}
	}
	assert.Equal(t, 20, fixed)
	for m := range Derived() {
		_, sent := LookupMetric(m.Name())
		assert.False(t, sent, "engines do not send %s", m.Name())
		assert.NotEmpty(t, m.Brief())
	}
	assert.GreaterOrEqual(t, len(metricsByName), 200)
	assert.Len(t, metricsByName, len(metrics))
	assert.Len(t, slices.Collect(Spans()), len(spansByName))
	assert.Len(t, slices.Collect(Events()), len(eventsByName))
	keys := map[string]bool{}
	for u := range Resource() {
		keys[u.Key()] = u.Required()
	}
	assert.True(t, keys["service.name"])
	assert.Contains(t, keys, "deployment.environment")
}

func TestALookUpAllocatesNothing(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		m, _ := LookupMetric("query.latency")
		_, _ = m.Attribute("query.id")
		_, _ = LookupSpan("query.execute top")
	}))
}

func TestASetHoldsWhatWasPutIn(t *testing.T) {
	var odd, all MetricSet
	odd.Add(Metric{})
	for m := range Metrics() {
		if m.Index()%2 == 1 {
			odd.Add(m)
		}
	}
	for m := range Metrics() {
		if odd.Has(m) != (m.Index()%2 == 1) {
			t.Errorf("%s, number %d: %v", m.Name(), m.Index(), odd.Has(m))
		}
	}
	if odd.Has(Metric{}) {
		t.Error("no metric is in the set")
	}
	for m := range Metrics() {
		all.Add(m)
	}
	odd.AddAll(all)
	if odd != all {
		t.Errorf("%x and all others are %x", odd, all)
	}
}
