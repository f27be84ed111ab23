// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// overflow is where overflow series live: under one resource per tenant that is this
// processor.
//
// Had they stayed under the resources that the points came from, there would be one more
// series for each of these, without bound where the resource is what explodes, which is
// the usual case (service.instance.id). One resource per tenant makes one series per
// metric and tenant.
//
// The instance ID is new in every processor, so that each overflow series has exactly one
// writer: neither another replica, nor another pipeline with the same processor, nor this
// collector before its restart can write to it.
type overflow struct {
	serviceName    string
	instanceID     string
	componentID    string
	version        string
	attributeValue string
	attributes     pcommon.Map // on every overflow series that lacks them
}

func newOverflow(set processor.Settings, cfg OverflowConfig) (overflow, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return overflow{}, fmt.Errorf("make an instance ID for overflow series: %w", err)
	}
	name := "otelcol"
	if v, ok := set.Resource.Attributes().Get("service.name"); ok && v.AsString() != "" {
		name = v.AsString()
	}
	attributes := pcommon.NewMap()
	if err := attributes.FromRaw(cfg.Attributes); err != nil {
		return overflow{}, fmt.Errorf("overflow::attributes: %w", err)
	}
	return overflow{
		serviceName:    name,
		instanceID:     id.String(),
		componentID:    set.ID.String(),
		version:        set.BuildInfo.Version,
		attributeValue: cfg.AttributeValue,
		attributes:     attributes,
	}, nil
}

// mark makes attributes those of an overflow series.
func (o overflow) mark(attributes pcommon.Map) {
	for key, value := range o.attributes.All() {
		if _, ok := attributes.Get(key); !ok {
			value.CopyTo(attributes.PutEmpty(key))
		}
	}
	attributes.PutBool(identity.OverflowKey, true)
}

// write appends the overflow points of a page, one resource per tenant.
func (o overflow) write(page *ledger.Page, to pmetric.Metrics) {
	homes := map[*tenant.Tenant]pmetric.MetricSlice{}
	for i := range page.Lines {
		line := &page.Lines[i]
		metrics, ok := homes[line.Tenant]
		if !ok {
			metrics = o.home(line.Tenant, to.ResourceMetrics().AppendEmpty())
			homes[line.Tenant] = metrics
		}
		line.WriteTo(metrics.AppendEmpty())
	}
}

func (o overflow) home(of *tenant.Tenant, rm pmetric.ResourceMetrics) pmetric.MetricSlice {
	resource := rm.Resource().Attributes()
	resource.PutStr("service.name", o.serviceName)
	for _, a := range of.Attributes {
		resource.PutStr(a.Key, a.Value)
	}
	resource.PutStr("service.instance.id", o.instanceID)
	resource.PutStr("otelcol.component.id", o.componentID)
	resource.PutStr("otelcol.component.kind", "processor")

	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(metadata.ScopeName)
	sm.Scope().SetVersion(o.version)
	return sm.Metrics()
}
