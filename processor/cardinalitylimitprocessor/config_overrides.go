// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// OverrideConfig changes what holds for the metrics that it matches.
type OverrideConfig struct {
	// Name, Glob and Regexp match names of metrics; one of them must be set.
	Name   string `mapstructure:"name"`
	Glob   string `mapstructure:"glob"`
	Regexp string `mapstructure:"regexp"`

	// Exempt metrics pass uncounted.
	Exempt *bool `mapstructure:"exempt"`
	// The others are those of Config.
	MaxSeriesPerMetric    *int         `mapstructure:"max_series_per_metric"`
	MaxValuesPerAttribute *int         `mapstructure:"max_values_per_attribute"`
	Action                *rule.Action `mapstructure:"action"`
	Keep                  *string      `mapstructure:"keep"`
	ProtectedAttributes   []string     `mapstructure:"protected_attributes"`
	Gauge                 *string      `mapstructure:"gauge"`

	_ struct{}
}

var gaugeFolds = map[string]fold.GaugeFold{"last": fold.Last, "min": fold.Min, "max": fold.Max, "sum": fold.Sum}

func gaugeNames() []string { return slices.Sorted(maps.Keys(gaugeFolds)) }

// rules compiles what holds for which metric.
func (c *Config) rules() (*rule.Set, error) {
	fallback := rule.Rule{
		Series:    c.perMetric(),
		Values:    c.MaxValuesPerAttribute,
		Action:    c.Action,
		Heaviest:  c.Keep == keepHeaviest,
		Protected: c.ProtectedAttributes,
		Gauge:     gaugeFolds[c.Gauge],
	}
	overrides := make([]rule.Override, 0, len(c.Overrides)+len(c.ExemptMetrics))
	var errs []error
	for i := range c.Overrides {
		o, err := c.Overrides[i].compile()
		if err != nil {
			errs = append(errs, fmt.Errorf("overrides[%d]: %w", i, err))
		}
		overrides = append(overrides, o)
	}
	exempt := true
	for _, glob := range c.ExemptMetrics {
		overrides = append(overrides, rule.Override{Pattern: rule.Pattern{Glob: glob}, Exempt: &exempt})
	}
	set, err := rule.NewSet(fallback, overrides)
	return set, errors.Join(append(errs, err)...)
}

func (o *OverrideConfig) compile() (rule.Override, error) {
	var errs []error
	if o.MaxSeriesPerMetric != nil && *o.MaxSeriesPerMetric < 1 {
		errs = append(errs, fmt.Errorf("max_series_per_metric must be at least 1, got %d", *o.MaxSeriesPerMetric))
	}
	if o.MaxValuesPerAttribute != nil && *o.MaxValuesPerAttribute < 0 {
		errs = append(errs, fmt.Errorf("max_values_per_attribute must not be negative, got %d", *o.MaxValuesPerAttribute))
	}
	if o.Action != nil {
		errs = append(errs, oneOf("action", *o.Action, rule.Actions...))
	}
	compiled := rule.Override{
		Pattern:   rule.Pattern{Name: o.Name, Glob: o.Glob, Regexp: o.Regexp},
		Exempt:    o.Exempt,
		Series:    o.MaxSeriesPerMetric,
		Values:    o.MaxValuesPerAttribute,
		Action:    o.Action,
		Protected: o.ProtectedAttributes,
	}
	if o.Keep != nil {
		errs = append(errs, oneOf("keep", *o.Keep, keepFirst, keepHeaviest))
		heaviest := *o.Keep == keepHeaviest
		compiled.Heaviest = &heaviest
	}
	if o.Gauge != nil {
		errs = append(errs, oneOf("gauge", *o.Gauge, gaugeNames()...))
		gauge := gaugeFolds[*o.Gauge]
		compiled.Gauge = &gauge
	}
	return compiled, errors.Join(errs...)
}
