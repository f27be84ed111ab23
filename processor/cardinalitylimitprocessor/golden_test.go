// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

var update = flag.Bool("update", false, "write the outputs of the golden tests anew")

// testStart is when the clock of a test starts.
var testStart = time.Unix(1_700_000_000, 0)

// clock is a clock that stands until somebody moves it.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: testStart} }

func (c *clock) time() time.Time          { return c.now }
func (c *clock) advance(by time.Duration) { c.now = c.now.Add(by) }
func limits(perMetric int) *Config        { return limitsOf(perMetric, 1000, 100) }
func limitsOf(perMetric, all, of int) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.MaxSeriesPerMetric, cfg.MaxSeriesPerTenant, cfg.MaxSeries = perMetric, all, all
	cfg.MaxMetrics, cfg.SeriesTTL = of, time.Minute
	return cfg
}

func newTestLimiter(t testing.TB, cfg *Config, next consumer.Metrics, now func() time.Time) *limiter {
	t.Helper()
	require.NoError(t, cfg.Validate())
	l, err := newLimiterAt(processortest.NewNopSettings(metadata.Type), cfg, next, now)
	require.NoError(t, err)
	l.overflow.instanceID = "instance"
	t.Cleanup(func() { require.NoError(t, l.Shutdown(t.Context())) })
	return l
}

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		t.Run(filepath.Base(filepath.Dir(input)), func(t *testing.T) {
			in, err := golden.ReadMetrics(input)
			require.NoError(t, err)
			sink, clock := new(consumertest.MetricsSink), newClock()
			l := newTestLimiter(t, limits(2), sink, clock.time)
			clock.advance(time.Second)
			require.NoError(t, l.ConsumeMetrics(t.Context(), in))

			require.Len(t, sink.AllMetrics(), 1)
			got, output := sink.AllMetrics()[0], filepath.Join(filepath.Dir(input), "output.yaml")
			if *update {
				writeGolden(t, output, got)
			}
			want, err := golden.ReadMetrics(output)
			require.NoError(t, err)
			require.NoError(t, pmetrictest.CompareMetrics(want, got))
		})
	}
}

func writeGolden(t *testing.T, path string, md pmetric.Metrics) {
	t.Helper()
	text, err := golden.MarshalMetricsYAML(md)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
