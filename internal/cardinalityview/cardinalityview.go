// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package cardinalityview is the contract between the component that bounds
// series, the cardinality_limit processor, and the component that shows what
// it knows to operators, the pipeline_health extension.
//
// The processor looks the extension up by the ID in its configuration,
// asserts [Registry] and registers a [Source]. Both sides work alone.
package cardinalityview

import (
	"context"

	"go.opentelemetry.io/collector/component"
)

// Report is what one limiter knows about who uses its budgets, and who wants
// more. Its JSON is the contract of the /cardinality document.
type Report struct {
	// Processor is the limiter's ID as written in the configuration.
	Processor string `json:"processor"`
	// Signal is "metrics", "logs" or "traces". Of logs and traces, the values of each
	// attribute key are limited: where this speaks of series they are meant, and Metric is
	// the key.
	Signal string `json:"signal,omitempty"`
	// Series is the budget over all tenants and metrics.
	Series Budget `json:"series"`
	// Tenants are those that have most series, most first.
	Tenants []Tenant `json:"tenants"`
	// Metrics are those that want most series beyond their limit, most first.
	Metrics []Metric `json:"metrics"`
	// WhatIf says for each limit asked for what would be refused under it.
	WhatIf []WhatIf `json:"what_if,omitempty"`
}

// Budget is a limit and how much of it is used.
type Budget struct {
	Limit int `json:"limit"`
	Used  int `json:"used"`
}

// Tenant is how much one tenant uses.
type Tenant struct {
	Tenant string `json:"tenant"`
	Budget
}

// Metric is a metric of a tenant that is over its limit, or near it.
type Metric struct {
	Tenant string `json:"tenant"`
	Metric string `json:"metric"`
	Budget
	// Demand is the estimated number of series that it wants: those that have
	// a place and those that were refused. One standard error is 3 percent.
	Demand int `json:"demand"`
	// RefusedPoints is how many points of refused series came since the metric
	// went over its limit.
	RefusedPoints uint64 `json:"refused_points"`
	// Attributes are its attributes, those first without which it would have
	// fewest series.
	Attributes []Attribute `json:"attributes"`
}

// Attribute is what one attribute does to the number of series.
type Attribute struct {
	Key string `json:"key"`
	// Values is the estimated number of its values.
	Values int `json:"values"`
	// SeriesWithout is the estimated number of series that would be left of
	// those refused if the attribute were removed.
	SeriesWithout int `json:"series_without"`
	// Samples are a few of its values, shortened and, if so configured, hidden.
	Samples []string `json:"samples,omitempty"`
}

// WhatIf is what would happen under another limit per metric.
type WhatIf struct {
	MaxSeriesPerMetric int `json:"max_series_per_metric"`
	// Metrics is how many metrics would be over the limit.
	Metrics int `json:"metrics_over"`
	// Refused is how many series would be refused, of those that the report knows.
	Refused int `json:"series_refused"`
}

// Source reports on one limiter.
type Source interface {
	// Cardinality returns a copy with at most top tenants and metrics, and what
	// would happen under each of the limits. It is safe for concurrent use.
	Cardinality(top int, limits []int) Report
}

// Drainer is a [Source] that holds back what it accepted.
type Drainer interface {
	// Drain hands on what is held, and from now on holds nothing longer than it
	// must: the pipelines are about to be stopped. It returns how many points would
	// be lost now, which is more than zero where the next component refuses and no
	// storage keeps them. It may be called again and is safe for concurrent use.
	Drain(ctx context.Context) (held int)
}

// Registry is implemented by an extension that shows what limiters know.
type Registry interface {
	// RegisterCardinality adds the source of one limiter and returns the
	// function that removes it again. Both are safe for concurrent use;
	// removing twice does nothing.
	RegisterCardinality(processor component.ID, source Source) (unregister func())
}
