// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package inprocesstelemetry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtelemetry"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	otelconf "go.opentelemetry.io/contrib/otelconf/v0.3.0"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

func port(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// record makes a provider as the collector does, with a view, and records with it.
func record(t *testing.T, f telemetry.Factory, change func(*otelconftelemetry.Config)) {
	t.Helper()
	config := f.CreateDefaultConfig().(*otelconftelemetry.Config)
	change(config)
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "otelcol-test")
	resource.Attributes().PutStr("zone", "a")
	drop := "dropped"
	mp, err := f.CreateMeterProvider(t.Context(), telemetry.MeterSettings{
		Settings: telemetry.Settings{Resource: &resource, BuildInfo: component.NewDefaultBuildInfo()},
		Logger:   zap.NewNop(),
		DefaultViews: func(configtelemetry.Level) []otelconf.View {
			return []otelconf.View{{
				Selector: &otelconf.ViewSelector{InstrumentName: &drop},
				Stream:   &otelconf.ViewStream{Aggregation: &otelconf.ViewStreamAggregation{Drop: otelconf.ViewStreamAggregationDrop{}}},
			}}
		},
	}, config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, mp.Shutdown(context.Background())) })
	meter := mp.Meter("test", metric.WithInstrumentationAttributes(attribute.String("otelcol.component.id", "x")))
	for _, name := range []string{"otelcol_exporter_sent_spans", "dropped"} {
		counter, err := meter.Int64Counter(name, metric.WithUnit("{span}"))
		require.NoError(t, err)
		counter.Add(t.Context(), 7, metric.WithAttributes(attribute.String("exporter", "otlp_grpc")))
	}
	histogram, err := meter.Float64Histogram("otelcol_duration", metric.WithUnit("s"))
	require.NoError(t, err)
	histogram.Record(t.Context(), 0.5)
}

// exported returns the page of a provider of the factory, sorted.
func exported(t *testing.T, f telemetry.Factory) []string {
	t.Helper()
	at := port(t)
	record(t, f, func(c *otelconftelemetry.Config) {
		c.Metrics.Readers[0].Pull.Exporter.Prometheus.Port = &at
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://localhost:%d/metrics", at), http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	lines := strings.Split(string(page), "\n")
	slices.Sort(lines)
	return lines
}

func TestExportsWhatTheStockFactoryExports(t *testing.T) {
	want := exported(t, otelconftelemetry.NewFactory())
	text := strings.Join(want, "\n")
	require.Contains(t, text, "otelcol_exporter_sent_spans")
	require.Contains(t, text, `target_info{`)
	require.NotContains(t, text, "dropped")
	assert.Equal(t, want, exported(t, NewFactory()))
}

func TestOffersWhatItMeasures(t *testing.T) {
	for level, change := range map[string]func(*otelconftelemetry.Config){
		"normal": func(c *otelconftelemetry.Config) {
			at := port(t)
			c.Metrics.Readers[0].Pull.Exporter.Prometheus.Port = &at
		},
		"none": func(c *otelconftelemetry.Config) { c.Metrics.Level = configtelemetry.LevelNone },
	} {
		t.Run(level, func(t *testing.T) {
			record(t, NewFactory(), change)
			var rm metricdata.ResourceMetrics
			require.NoError(t, selfmetrics.Current().Collect(t.Context(), &rm))
			var names []string
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					names = append(names, m.Name)
				}
			}
			assert.Contains(t, names, "otelcol_exporter_sent_spans")
		})
	}
}

func TestConfigurationIsThatOfTheStockFactory(t *testing.T) {
	assert.Equal(t, otelconftelemetry.NewFactory().CreateDefaultConfig(), NewFactory().CreateDefaultConfig())
}
