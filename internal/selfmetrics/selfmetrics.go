// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package selfmetrics hands what a collector measures of itself from the
// telemetry factory, which knows it, to the components that want it, in
// process and whatever its readers export.
package selfmetrics

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Source collects the metrics of a collector.
type Source interface {
	Collect(ctx context.Context, rm *metricdata.ResourceMetrics) error
}

type held struct{ Source }

var current atomic.Pointer[held]

// Offer makes s the source of this process, which has none if it is nil. The
// latest one counts: a collector that reloads its configuration makes a new one.
func Offer(s Source) { current.Store(&held{s}) }

// Current returns the source of this process, nil if there is none: the
// collector was built with another telemetry factory.
func Current() Source {
	if h := current.Load(); h != nil {
		return h.Source
	}
	return nil
}
