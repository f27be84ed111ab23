// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
)

// patience is how long a test waits for something that should happen at once.
const patience = 10 * time.Second

func TestOver(t *testing.T) {
	base := limits(100)
	base.Overrides = []OverrideConfig{{Name: "a", MaxSeriesPerMetric: new(1)}}
	cfg, err := base.over([]byte(`
max_series: 2000
max_series_per_tenant: 1500
max_series_per_metric: 700
max_values_per_attribute: 5
max_tenants: 6
max_metrics: 7
lend_until: 0.5
overrides:
  - {glob: "a*", max_series_per_metric: 9}
`))
	require.NoError(t, err)
	assert.Equal(t, [6]int{2000, 1500, 700, 5, 6, 7}, [6]int{
		cfg.MaxSeries, cfg.MaxSeriesPerTenant, cfg.MaxSeriesPerMetric, cfg.MaxValuesPerAttribute, cfg.MaxTenants, cfg.MaxMetrics,
	})
	assert.InDelta(t, 0.5, cfg.LendUntil, 0)
	policy, err := newPolicy(cfg)
	require.NoError(t, err)
	assert.Equal(t, 9, policy.rules.Of("a").Series, "the file comes first")
	assert.Len(t, base.Overrides, 1)

	same, err := base.over(nil)
	require.NoError(t, err)
	assert.Equal(t, base, same)

	for file, want := range map[string]string{
		"max_serie: 1":                 "max_serie",
		"max_series: many":             "max_series",
		"max_series_per_metric: 5000":  "max_series_per_metric (5000) is more than max_series_per_tenant (1000) leaves",
		"overrides: [{regexp: \"(\"}]": "overrides[0]",
		"a: [":                         "yaml",
		"- a":                          "yaml",
		"series_ttl: 5m":               "series_ttl",
	} {
		_, err := base.over([]byte(file))
		require.ErrorContains(t, err, want, file)
	}
}

// configMap is a folder as kubelet mounts a ConfigMap: the file is a link through a link
// that is swapped.
type configMap struct{ folder string }

func (c configMap) path() string { return filepath.Join(c.folder, "limits.yaml") }

func (c configMap) write(t *testing.T, version, text string) {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(c.folder, version), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(c.folder, version, "limits.yaml"), []byte(text), 0o600))
	require.NoError(t, os.Symlink(version, filepath.Join(c.folder, "..tmp")))
	require.NoError(t, os.Rename(filepath.Join(c.folder, "..tmp"), filepath.Join(c.folder, "..data")))
	if _, err := os.Lstat(c.path()); err != nil {
		require.NoError(t, os.Symlink("..data/limits.yaml", c.path()))
	}
}

const (
	fileAccepted = "The overrides file is in force"
	fileRejected = "The overrides file is wrong; the limits in force stay"
)

// reloading is an overrides file that changes, and what its limiter says of it.
type reloading struct {
	configMap
	set     processor.Settings
	reading *componenttest.Telemetry
	logs    *observer.ObservedLogs
}

func newReloading(t *testing.T, text string) *reloading {
	t.Helper()
	reading := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, reading.Shutdown(context.Background())) })
	core, logs := observer.New(zap.InfoLevel)
	r := &reloading{configMap: configMap{t.TempDir()}, set: metadatatest.NewSettings(reading), reading: reading, logs: logs}
	r.set.Logger = zap.New(core)
	r.write(t, "..1", text)
	return r
}

// wait waits until the message was logged so often.
func (r *reloading) wait(t *testing.T, message string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return r.logs.FilterMessage(message).Len() == times }, patience, time.Millisecond, message)
}

// rejects waits for the first file that is wrong, and looks at what is said to be wrong.
func (r *reloading) rejects(t *testing.T, why string) {
	t.Helper()
	r.wait(t, fileRejected, 1)
	assert.Contains(t, r.logs.FilterMessage(fileRejected).All()[0].ContextMap()["error"], why)
}

func (r *reloading) reloads(t *testing.T) int64 {
	t.Helper()
	return counted(t, r.reading, "otelcol_cardinality_limit_overrides_reloads")
}

// G16: limits change while the limiter runs, and nothing is forgotten for it. A file that
// is wrong changes nothing and says why.
func TestLimitsChangeWhileRunning(t *testing.T) {
	file := newReloading(t, "max_series_per_metric: 2")
	cfg, sink := limits(1), new(consumertest.MetricsSink)
	cfg.OverridesFile = file.path()
	l, err := newLimiterAt(file.set, cfg, sink, newClock().time)
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, l.Shutdown(t.Context())) }()
	passes := func(want int) {
		t.Helper()
		sink.Reset()
		require.NoError(t, l.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3, 4, 5)))
		_, passed := windows(sink.AllMetrics(), "c")
		assert.Equal(t, want, passed)
	}

	file.wait(t, fileAccepted, 1)
	passes(2)
	file.write(t, "..2", "max_series_per_metric: 4")
	file.wait(t, fileAccepted, 2)
	passes(4)
	file.write(t, "..3", "max_series_per_metric: none")
	file.rejects(t, "max_series_per_metric")
	passes(4)
	file.write(t, "..4", "max_series_per_metric: 3")
	file.wait(t, fileAccepted, 3)
	passes(4) // those that have a place keep it
	require.NoError(t, os.Remove(file.path()))
	file.wait(t, "The overrides file cannot be read; the limits in force stay", 1)
	passes(4)
	assert.Equal(t, int64(4), file.reloads(t))
}

func TestAFolderThatCannotBeWatched(t *testing.T) {
	cfg := limits(1)
	cfg.OverridesFile = filepath.Join(t.TempDir(), "missing", "limits.yaml")
	l := newTestLimiter(t, cfg, consumertest.NewNop(), newClock().time)
	require.ErrorContains(t, l.Start(t.Context(), componenttest.NewNopHost()), "overrides_file: watch")
}

// FuzzOverridesFile reads any text as an overrides file: an error, or limits that hold
// together.
func FuzzOverridesFile(f *testing.F) {
	f.Add("max_series: 2000\nmax_series_per_metric: 700\noverrides:\n  - {glob: \"a*\", max_series_per_metric: 9}\n")
	f.Add("overrides: [{regexp: \"(\"}]")
	f.Add("lend_until: .nan")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := limits(100).over([]byte(text))
		if err != nil {
			return
		}
		policy, err := newPolicy(cfg)
		require.NoError(t, err)
		l := policy.limits
		require.True(t, l.Series > 0 && l.SeriesPerTenant > 0 && l.SeriesPerMetric > 0 && l.Metrics > 0 && l.Tenants > 1)
		require.True(t, l.SeriesPerMetric <= l.SeriesPerTenant && l.SeriesPerTenant <= l.Series && l.Lend >= 0 && l.Lend <= 1)
		require.NotNil(t, policy.rules.Of("a"))
	})
}
