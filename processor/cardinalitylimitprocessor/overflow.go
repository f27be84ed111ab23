// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

// overflow is where overflow series live: under one resource that is this processor.
//
// Had they stayed under the resources that the points came from, there would be one more
// series for each of these, without bound where the resource is what explodes, which is
// the usual case (service.instance.id). One resource makes one series per metric.
//
// The instance ID is new in every processor, so that each overflow series has exactly one
// writer: neither another replica, nor another pipeline with the same processor, nor this
// collector before its restart can write to it.
type overflow struct {
	serviceName string
	instanceID  string
	componentID string
	version     string
}

func newOverflow(set processor.Settings) (overflow, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return overflow{}, fmt.Errorf("make an instance ID for overflow series: %w", err)
	}
	name := "otelcol"
	if v, ok := set.Resource.Attributes().Get("service.name"); ok && v.AsString() != "" {
		name = v.AsString()
	}
	return overflow{
		serviceName: name,
		instanceID:  id.String(),
		componentID: set.ID.String(),
		version:     set.BuildInfo.Version,
	}, nil
}

// write appends the overflow points of a page.
func (o overflow) write(page *fold.Page, to pmetric.Metrics) {
	rm := to.ResourceMetrics().AppendEmpty()
	resource := rm.Resource().Attributes()
	resource.PutStr("service.name", o.serviceName)
	resource.PutStr("service.instance.id", o.instanceID)
	resource.PutStr("otelcol.component.id", o.componentID)
	resource.PutStr("otelcol.component.kind", "processor")

	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(metadata.ScopeName)
	sm.Scope().SetVersion(o.version)
	sm.Metrics().EnsureCapacity(len(page.Lines))
	for _, line := range page.Lines {
		m := sm.Metrics().AppendEmpty()
		m.SetName(line.Name)
		m.SetDescription(line.Description)
		m.SetUnit(line.Unit)
		point := newPoint(m, line.Form)
		point.Attributes().PutBool(identity.OverflowKey, true)
		line.WriteTo(point)
	}
}

func newPoint(m pmetric.Metric, form fold.Form) pmetric.NumberDataPoint {
	if form.Gauge {
		return m.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(form.Monotonic)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	return sum.DataPoints().AppendEmpty()
}
