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
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
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
	storage := component.MustNewIDWithName("file_storage", "limiter")
	health := component.MustNewID("pipeline_health")
	tests := []struct {
		name string
		want *Config
		err  string
	}{
		{name: "", want: createDefaultConfig().(*Config)},
		{name: "all", want: &Config{
			MaxSeries:             1000,
			MaxSeriesPerTenant:    500,
			MaxSeriesPerMetric:    100,
			MaxValuesPerAttribute: 50,
			MaxTenants:            20,
			MaxMetrics:            10,
			LendUntil:             0.8,
			SeriesTTL:             5 * time.Minute,
			Tenant:                TenantConfig{ResourceAttributes: []string{"service.name"}, ClientMetadata: []string{"x-scope-orgid"}},
			Count:                 "entities",
			Action:                rule.Fold,
			Keep:                  "first_seen",
			ProtectedAttributes:   []string{"http.route"},
			Gauge:                 "max",
			OnMemoryCap:           "drop",
			MaxFoldedSources:      70,
			MaxStartAge:           30 * time.Second,
			Attributes: AttributesConfig{
				MaxValues: 400, MaxValuesPerAttribute: 300, MaxAttributes: 30, Action: rule.KeyDrop,
				Keys: []string{"http.*"}, ExemptKeys: []string{},
				Overrides: []AttributeOverrideConfig{
					{Key: "user.*", MaxValuesPerAttribute: new(8), Action: new(rule.KeyObserve)},
				},
			},
			Overflow: OverflowConfig{
				MaxSeries: 40, MaxSeriesPerMetric: 4, AttributeValue: "other",
				Attributes: map[string]any{"http.route": "other", "tier": 3}, FlushInterval: 10 * time.Second,
			},
			Offenders:       OffendersConfig{MaxMetrics: 16, Samples: "masked"},
			HealthExtension: &health,
			ExemptMetrics:   []string{"mine.*"},
			OverridesFile:   "/etc/otelcol/limits.yaml",
			Storage:         &storage,

			SnapshotInterval: 10 * time.Second,
			Overrides: []OverrideConfig{
				{
					Name: "http.requests", MaxSeriesPerMetric: new(7), MaxValuesPerAttribute: new(3),
					Action: new(rule.Drop), Keep: new("heaviest"), ProtectedAttributes: []string{"tier"}, Gauge: new("sum"),
				},
				{Glob: "debug.*", Exempt: new(true)},
			},
		}},
		{name: "more_than_the_tenant", err: "max_series_per_metric (99) is more than max_series_per_tenant (75) leaves"},
		{name: "more_than_all", err: "max_series_per_tenant (101) is more than max_series (100) leaves"},
		{name: "too_many_series", err: "max_series must be between 1 and 1000000000, got 1000000001"},
		{name: "no_metrics", err: "max_metrics must be between 1 and 1000000, got -1"},
		{name: "too_many_metrics", err: "max_metrics must be between 1 and 1000000, got 1000001"},
		{name: "no_ttl", err: "series_ttl must be between 1s and 720h0m0s, got 0s"},
		{name: "endless_ttl", err: "series_ttl must be between 1s and 720h0m0s, got 721h0m0s"},
		{name: "overrides", err: `overrides[2]: max_series_per_metric must be at least 1, got 0
max_values_per_attribute must not be negative, got -1
action must be one of ["observe" "fold_attribute" "fold" "drop"], got "explode"
keep must be one of ["first_seen" "heaviest"], got "all"
gauge must be one of ["last" "max" "min" "sum"], got "mean"
overrides[0]: exactly one of name, glob and regexp must be set
overrides[1]: regexp "(": error parsing regexp: missing closing ): ` + "`^(?:()$`"},
		{name: "everything_wrong", err: `max_series must be between 1 and 1000000000, got -6
max_series_per_tenant must be between 0 and 1000000000, got -1
max_series_per_metric must be between 0 and 1000000000, got -5
max_values_per_attribute must be between 0 and 1000000000, got -2
max_tenants must be between 1 and 1000000, got 0
max_metrics must be between 1 and 1000000, got 0
offenders::max_metrics must be between 1 and 10000, got 0
max_folded_sources must be between 0 and 1000000000, got -1
max_series_per_tenant (-1) is more than max_series (-6) leaves; lower it or raise max_series
lend_until must be between 0 and 1, got 1.5
series_ttl must be between 1s and 720h0m0s, got -1s
max_start_age must be between 0s and series_ttl (-1s), got 1h0m0s
snapshot_interval must be between 1s and 1h, got 1ms
count must be one of ["series" "entities"], got "points"
action must be one of ["observe" "fold_attribute" "fold" "drop"], got "explode"
keep must be one of ["first_seen" "heaviest"], got "all"
gauge must be one of ["last" "max" "min" "sum"], got "mean"
offenders::samples must be one of ["hashed" "masked" "plain"], got "shouted"
on_memory_cap must be one of ["fold" "drop" "pass"], got "panic"
tenant::resource_attributes[0] must not be empty
tenant::client_metadata[0] must not be empty
overflow::max_series_per_metric must be at least 1, got 0
overflow::attribute_value must not be empty
overflow::flush_interval must be between 0s and 1h, got -1s
overflow::attributes::list must be text, a number or a boolean, got []interface {}
overflow::attributes::otel.metric.overflow is always true and cannot be set
attributes::max_values must be between 1 and 1000000000, got 0
attributes::max_values_per_attribute must be at least 1, got 0
attributes::max_attributes must be between 1 and 1000000, got 0
attributes::action must be one of ["observe" "replace" "drop"], got "explode"
attributes::overrides[0]: key must not be empty
attributes::overrides[0]: max_values_per_attribute must be at least 1, got 0
attributes::overrides[0]: action must be one of ["observe" "replace" "drop"], got "fold"
attributes::exempt_keys[1] must not be empty
attributes::keys[0] must not be empty`},
		{
			name: "more_values_than_the_tenant",
			err:  "attributes::max_values_per_attribute (76) is more than max_values leaves to a tenant (75); lower it or raise max_values",
		},
		{name: "heavy_entities", err: "keep must be first_seen if entities are counted"},
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

// Whoever lowers one limit need not think of the others.
func TestSharesFollowTheWhole(t *testing.T) {
	for of, want := range map[int][2]int{4_000_000: {3_000_000, 250_000}, 100: {75, 6}, 3: {3, 1}, 1: {1, 1}} {
		cfg := createDefaultConfig().(*Config)
		cfg.MaxSeries = of
		require.NoError(t, cfg.Validate())
		assert.Equal(t, want, [2]int{cfg.perTenant(), cfg.perMetric()}, of)
	}
}

func TestExamplesAreValid(t *testing.T) {
	for example, signals := range map[string][]string{
		"example-gateway.yaml": {"metrics"},
		"example-agent.yaml":   {"metrics"},
		"example-records.yaml": {"metrics", "logs", "traces"},
	} {
		t.Run(example, func(t *testing.T) {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", example))
			require.NoError(t, err)
			processors, err := conf.Sub("processors")
			require.NoError(t, err)
			_, err = load(t, processors, "")
			require.NoError(t, err)
			for _, signal := range signals {
				assert.Contains(t, conf.Get("service::pipelines::"+signal+"::processors"), "cardinality_limit")
			}
		})
	}
}
