// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// policy is what can be changed while the processor runs. It is immutable; a change is a
// new policy.
type policy struct {
	limits budget.Limits
	rules  *rule.Set
}

func newPolicy(cfg *Config) (*policy, error) {
	rules, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	return &policy{
		rules: rules,
		limits: budget.Limits{
			Series:          cfg.MaxSeries,
			SeriesPerTenant: cfg.perTenant(),
			SeriesPerMetric: cfg.perMetric(),
			Tenants:         cfg.MaxTenants + 1, // the one that further tenants share
			Metrics:         cfg.MaxMetrics,
			Lend:            cfg.LendUntil,
			TTL:             cfg.SeriesTTL,
		},
	}, nil
}

// valueLimits bound the table of attribute values. It may have as many values as there may
// be series, and up to 64 attributes per metric with a limit of their own.
func (p *policy) valueLimits() budget.Limits {
	limits := p.limits
	limits.SeriesPerTenant = limits.Series
	limits.SeriesPerMetric = limits.Series
	limits.Metrics *= 64
	return limits
}
