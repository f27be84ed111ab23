// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package inprocesstelemetry is the telemetry factory of a collector whose
// pipeline_health extension reads queues: the stock one, whose meter provider
// has one reader more. Configuration, names, views and resource are the stock
// factory's. A distribution names it under telemetry in its OCB manifest.
//
// Each record of the collector's own metrics costs one aggregation more, which
// is some tens of nanoseconds per batch and not per point.
package inprocesstelemetry

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtelemetry"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	otelconf "go.opentelemetry.io/contrib/otelconf/v0.3.0"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

// NewFactory returns the factory.
func NewFactory() telemetry.Factory {
	stock := otelconftelemetry.NewFactory()
	return telemetry.NewFactory(stock.CreateDefaultConfig,
		telemetry.WithCreateResource(stock.CreateResource),
		telemetry.WithCreateLogger(stock.CreateLogger),
		telemetry.WithCreateTracerProvider(stock.CreateTracerProvider),
		telemetry.WithCreateMeterProvider(createMeterProvider),
	)
}

// createMeterProvider has a provider even at level none, which then exports
// nothing.
func createMeterProvider(ctx context.Context, set telemetry.MeterSettings, config component.Config) (telemetry.MeterProvider, error) {
	metrics := &config.(*otelconftelemetry.Config).Metrics
	reader := sdkmetric.NewManualReader()
	if metrics.Level == configtelemetry.LevelNone {
		set.Logger.Info("Internal metrics are not exported")
		selfmetrics.Offer(reader)
		return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), nil
	}
	if metrics.MigratedFromV02 {
		set.Logger.Warn("service::telemetry::metrics has the form of declarative configuration v0.2.0, which is deprecated: write it in that of v0.3.0")
	}
	if metrics.Views == nil && set.DefaultViews != nil {
		metrics.Views = set.DefaultViews(metrics.Level)
	}
	provider := metrics.MeterProvider
	sdk, err := otelconf.NewSDK(
		otelconf.WithContext(ctx),
		otelconf.WithMeterProviderOptions(sdkmetric.WithReader(reader)),
		otelconf.WithOpenTelemetryConfiguration(otelconf.OpenTelemetryConfiguration{
			Resource:      resource(set.Resource, config.(*otelconftelemetry.Config).Resource.SchemaUrl),
			MeterProvider: &provider,
		}))
	if err != nil {
		return nil, err
	}
	selfmetrics.Offer(reader)
	return sdk.MeterProvider().(telemetry.MeterProvider), nil
}

func resource(of *pcommon.Resource, schemaURL *string) *otelconf.Resource {
	r := &otelconf.Resource{SchemaUrl: schemaURL}
	if of == nil {
		return r
	}
	for name, value := range of.Attributes().All() {
		r.Attributes = append(r.Attributes, otelconf.AttributeNameValue{Name: name, Value: value.AsRaw()})
	}
	return r
}
