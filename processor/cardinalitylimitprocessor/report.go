// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

var (
	_ cardinalityview.Source = (*limiter)(nil)
	_ cardinalityview.Source = (*recordLimiter)(nil)
)

// register tells the extension that shows offenders of a source, if one is named. It
// returns how to take that back.
func register(host component.Host, extension *component.ID, id component.ID, source cardinalityview.Source) (func(), error) {
	if extension == nil {
		return func() {}, nil
	}
	named, ok := host.GetExtensions()[*extension]
	if !ok {
		return func() {}, fmt.Errorf("health_extension: extension %q is not in service::extensions", extension)
	}
	registry, ok := named.(cardinalityview.Registry)
	if !ok {
		return func() {}, fmt.Errorf("health_extension: extension %q cannot show offenders; name a pipeline_health extension", extension)
	}
	return registry.RegisterCardinality(id, source), nil
}

// Cardinality implements [cardinalityview.Source].
func (l *limiter) Cardinality(top int, limits []int) cardinalityview.Report {
	report := cardinalityview.Report{
		Processor: l.id.String(),
		Signal:    "metrics",
		Series:    cardinalityview.Budget{Limit: l.policy.Load().limits.Series, Used: l.table.Usage().Series},
		Tenants:   tenantsOf(l.table, l.tenants, top),
	}
	return withOffenders(report, l.offenders(top, limits))
}

// Cardinality implements [cardinalityview.Source].
func (l *recordLimiter) Cardinality(top int, limits []int) cardinalityview.Report {
	report := cardinalityview.Report{
		Processor: l.id.String(),
		Signal:    l.signal,
		Series:    cardinalityview.Budget{Limit: l.policy.Load().limits.Series, Used: l.values.Usage().Series},
		Tenants:   tenantsOf(l.values, l.tenants, top),
	}
	return withOffenders(report, l.offenders(top, limits))
}

func tenantsOf(table *budget.Table, names *tenant.Directory, top int) []cardinalityview.Tenant {
	tenants := []cardinalityview.Tenant{}
	for _, use := range table.Tenants(top) {
		tenants = append(tenants, cardinalityview.Tenant{
			Tenant: names.Name(use.Tenant),
			Budget: cardinalityview.Budget{Limit: use.Limit, Used: use.Series},
		})
	}
	return tenants
}

func withOffenders(report cardinalityview.Report, known offenders.Report) cardinalityview.Report {
	report.Metrics = []cardinalityview.Metric{}
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

// offenders returns what the board knows, with the budgets beside it.
func (l *recordLimiter) offenders(top int, limits []int) offenders.Report {
	policy := l.policy.Load()
	return l.board.Report(l.now(), top, limits, func(c offenders.Case) (used, limit int) {
		return l.values.Of(budget.Owner{Tenant: c.Tenant, Metric: c.Metric, Limit: policy.rules.Of(c.MetricName).Values})
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
