// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// types are what Prometheus says of each instrument.
var types = map[semconv.Instrument]dto.MetricType{
	semconv.Counter:       dto.MetricType_COUNTER,
	semconv.UpDownCounter: dto.MetricType_GAUGE,
	semconv.Gauge:         dto.MetricType_GAUGE,
	semconv.Histogram:     dto.MetricType_HISTOGRAM,
}

func TestEveryMetricOfTheRegistryIsExposedAsItSays(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	exp, _ := start(t, address)
	require.NoError(t, exp.ConsumeMetrics(t.Context(), everyMetric()))
	page := read(t, address)
	delete(page, "target_info")

	for m := range semconv.Metrics() {
		family, ok := page[m.PrometheusName()]
		if !assert.True(t, ok, "%s is not exposed as %s", m.Name(), m.PrometheusName()) {
			continue
		}
		delete(page, m.PrometheusName())
		assert.Equal(t, types[m.Instrument()], family.GetType(), m.Name())
		require.Len(t, family.GetMetric(), 1, m.Name())
		point := family.GetMetric()[0]
		assert.ElementsMatch(t, labels(m), names(point), m.Name())
		assert.Equal(t, value, valueOf(point), m.Name())
	}
	for name := range page {
		t.Errorf("%s is exposed and not in the registry", name)
	}
}

// configuration is what tests read of a shipped one.
type configuration struct {
	Processors map[string]map[string]any
	Exporters  struct{ Prometheus map[string]any }
	Service    struct {
		Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
	}
}

func shipped(t *testing.T, name string) configuration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run.Root(t), "configs", name+".yaml"))
	require.NoError(t, err)
	var file configuration
	require.NoError(t, yaml.Unmarshal(text, &file))
	return file
}

// start runs the exporter with the settings that are shipped, at address. It
// also returns what the exporter logs of errors.
func start(t *testing.T, address string) (exporter.Metrics, *observer.ObservedLogs) {
	t.Helper()
	settings := shipped(t, "standalone").Exporters.Prometheus
	require.NotEmpty(t, settings)
	settings["endpoint"] = address

	core, logs := observer.New(zap.ErrorLevel)
	set := exportertest.NewNopSettings(prometheusexporter.NewFactory().Type())
	set.Logger = zap.New(core)
	factory := prometheusexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	exp, err := factory.CreateMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, exp.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, exp.Shutdown(context.Background())) })
	return exp, logs
}

// read returns the page in the text format, whose families carry the names of their series.
func read(t *testing.T, address string) scrape.Snapshot {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	page, err := scrape.Parse(answer.Body)
	require.NoError(t, err)
	return page
}

// labels returns those of a metric by the registry, and those of the resource.
func labels(m semconv.Metric) []string {
	all := []string{"job", "instance"}
	for u := range m.Attributes() {
		all = append(all, strings.ReplaceAll(u.Key(), ".", "_"))
	}
	return all
}

func names(point *dto.Metric) (all []string) {
	for name := range scrape.LabelsOf(point) {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// valueOf returns the value of a point, for a histogram its sum if it has buckets and a count.
func valueOf(point *dto.Metric) float64 {
	if h := point.GetHistogram(); h != nil && h.GetSampleCount() == 1 && len(h.GetBucket()) == len(bounds)+1 {
		return h.GetSampleSum()
	}
	return point.GetCounter().GetValue() + point.GetGauge().GetValue()
}
