// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

// load reads a section with this name, on top of the defaults.
func load(t *testing.T, sections *confmap.Conf, name string) (*Config, error) {
	t.Helper()
	section, err := sections.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := section.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	sections, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	tests := []struct {
		name string
		want *Config
		err  string
	}{
		{name: "", want: &Config{MaxSeriesPerMetric: 250_000, MaxSeries: 4_000_000, MaxMetrics: 2_000, SeriesTTL: 20 * time.Minute}},
		{name: "all", want: &Config{MaxSeriesPerMetric: 100, MaxSeries: 1000, MaxMetrics: 10, SeriesTTL: 5 * time.Minute}},
		{name: "no_series", err: "max_series_per_metric must be positive, got 0"},
		{name: "fewer_in_all", err: "max_series must be at least max_series_per_metric (100), got 99"},
		{name: "too_many_series", err: "max_series must be at most 1000000000, got 1000000001"},
		{name: "no_metrics", err: "max_metrics must be between 1 and 1000000, got -1"},
		{name: "too_many_metrics", err: "max_metrics must be between 1 and 1000000, got 1000001"},
		{name: "no_ttl", err: "series_ttl must be between 1s and 720h0m0s, got 0s"},
		{name: "endless_ttl", err: "series_ttl must be between 1s and 720h0m0s, got 721h0m0s"},
		{name: "everything_wrong", err: `max_series_per_metric must be positive, got -5
max_series must be at least max_series_per_metric (-5), got -6
max_metrics must be between 1 and 1000000, got 0
series_ttl must be between 1s and 720h0m0s, got -1s`},
		{name: "unknown_key", err: "has invalid keys: max_serie"},
	}
	for _, tt := range tests {
		t.Run("section "+tt.name, func(t *testing.T) {
			cfg, err := load(t, sections, tt.name)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, cfg)
		})
	}
}

func TestExamplesAreValid(t *testing.T) {
	for _, example := range []string{"example-gateway.yaml", "example-agent.yaml"} {
		t.Run(example, func(t *testing.T) {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", example))
			require.NoError(t, err)
			processors, err := conf.Sub("processors")
			require.NoError(t, err)
			_, err = load(t, processors, "")
			require.NoError(t, err)
			assert.Contains(t, conf.Get("service::pipelines::metrics::processors"), "cardinality_limit")
		})
	}
}
