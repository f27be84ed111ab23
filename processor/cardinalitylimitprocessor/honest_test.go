// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
)

// The defaults let an engine with a thousand queries, each of which reads two to three of
// its thousand streams, through with every metric of the registry, and do not fold a point,
// even if it restarts once within series_ttl.
func TestDefaultsLetAnHonestEngineThrough(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	l, err := newLimiterAt(metadatatest.NewSettings(reading), createDefaultConfig().(*Config), consumertest.NewNop(), time.Now)
	require.NoError(t, err)

	points, metrics := 0, 0
	for _, instance := range []string{"before the restart", "after it"} {
		for m := range semconv.Metrics() {
			md := honest(instance, m)
			points += md.DataPointCount()
			metrics++
			require.NoError(t, l.ConsumeMetrics(t.Context(), md))
		}
	}
	require.NoError(t, l.Shutdown(t.Context()))
	require.Greater(t, metrics, 400)
	t.Log(points, "points")
	require.Greater(t, points, 400_000)

	out, err := reading.GetMetric("otelcol_cardinality_limit_points_out")
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"passed": int64(points)}, byOutcome(t, out))
	assert.Equal(t, points, l.table.Usage().Series)
}

// honest returns every series of a metric.
func honest(instance string, m semconv.Metric) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "eventflux-engine")
	rm.Resource().Attributes().PutStr("service.instance.id", instance)
	to := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	to.SetName(m.Name())
	to.SetUnit(m.Unit())
	to.SetEmptyGauge()
	for i := range seriesOf(m) {
		p := to.Gauge().DataPoints().AppendEmpty()
		p.SetIntValue(1)
		describeSeries(p.Attributes(), m, i)
	}
	return md
}

// seriesOf returns how many series an engine has of a metric: what it has of what the
// metric is about, times the values of its closed sets.
func seriesOf(m semconv.Metric) int {
	n := 1
	for use := range m.Attributes() {
		if len(slices.Collect(use.Values())) == 0 {
			n = 10 // of whatever there is: sinks, nodes, connections
		}
	}
	_, ofQuery := m.Attribute("query.id")
	_, ofStream := m.Attribute("stream.name")
	switch {
	case ofQuery && ofStream:
		n = 2500
	case ofQuery || ofStream:
		n = 1000
	}
	for use := range m.Attributes() {
		n *= max(len(slices.Collect(use.Values())), 1)
	}
	return n
}

func describeSeries(attributes pcommon.Map, m semconv.Metric, i int) {
	id := i
	for use := range m.Attributes() {
		if values := slices.Collect(use.Values()); len(values) > 0 {
			attributes.PutStr(use.Key(), values[id%len(values)])
			id /= len(values)
		}
	}
	for use := range m.Attributes() {
		if len(slices.Collect(use.Values())) == 0 {
			attributes.PutStr(use.Key(), fmt.Sprint(use.Key(), id))
		}
	}
}
