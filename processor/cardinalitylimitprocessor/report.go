// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
)

var _ cardinalityview.Source = (*limiter)(nil)

// register tells the extension that shows offenders, if one is named.
func (l *limiter) register(host component.Host) error {
	id := l.cfg.HealthExtension
	if id == nil {
		return nil
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return fmt.Errorf("health_extension: extension %q is not in service::extensions", id)
	}
	registry, ok := extension.(cardinalityview.Registry)
	if !ok {
		return fmt.Errorf("health_extension: extension %q cannot show offenders; name a pipeline_health extension", id)
	}
	l.unregister = registry.RegisterCardinality(l.id, l)
	return nil
}

// Cardinality implements [cardinalityview.Source].
func (l *limiter) Cardinality(top int, limits []int) cardinalityview.Report {
	report := cardinalityview.Report{
		Processor: l.id.String(),
		Series:    cardinalityview.Budget{Limit: l.policy.Load().limits.Series, Used: l.table.Usage().Series},
		Tenants:   []cardinalityview.Tenant{},
		Metrics:   []cardinalityview.Metric{},
	}
	for _, use := range l.table.Tenants(top) {
		report.Tenants = append(report.Tenants, cardinalityview.Tenant{
			Tenant: l.tenants.Name(use.Tenant),
			Budget: cardinalityview.Budget{Limit: use.Limit, Used: use.Series},
		})
	}
	known := l.offenders(top, limits)
	for i := range known.Metrics {
		report.Metrics = append(report.Metrics, viewOf(&known.Metrics[i]))
	}
	for _, w := range known.WhatIf {
		report.WhatIf = append(report.WhatIf, cardinalityview.WhatIf{
			MaxSeriesPerMetric: w.Limit, Metrics: w.Metrics, Refused: w.RefusedSeries,
		})
	}
	return report
}

// offenders returns what the board knows, with the budgets beside it.
func (l *limiter) offenders(top int, limits []int) offenders.Report {
	policy := l.policy.Load()
	return l.board.Report(l.now(), top, limits, func(c offenders.Case) (used, limit int) {
		return l.table.Of(budget.Owner{Tenant: c.Tenant, Metric: c.Metric, Limit: policy.rules.Of(c.MetricName).Series})
	})
}

func viewOf(m *offenders.Metric) cardinalityview.Metric {
	view := cardinalityview.Metric{
		Tenant:        m.Tenant,
		Metric:        m.Metric,
		Budget:        cardinalityview.Budget{Limit: m.Limit, Used: m.Used},
		Demand:        m.Demand,
		RefusedPoints: m.RefusedPoints,
		Attributes:    make([]cardinalityview.Attribute, 0, len(m.Keys)),
	}
	for _, k := range m.Keys {
		a := cardinalityview.Attribute{Key: k.Key, Values: k.Values, SeriesWithout: k.Remaining}
		if k.Others {
			a.Key = "(others)"
		}
		for _, sample := range k.Samples {
			a.Samples = append(a.Samples, sample.Value)
		}
		view.Attributes = append(view.Attributes, a)
	}
	return view
}
