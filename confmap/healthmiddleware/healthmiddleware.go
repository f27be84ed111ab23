// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package healthmiddleware is a confmap converter that lets the pipeline_health
// extension see each attempt of an exporter to send, without a line of
// configuration: it adds the extension to the middlewares of the exporters that
// are OTLP clients.
//
// It changes nothing unless a pipeline_health extension is among
// service::extensions, leaves the middlewares that are there, and adds none twice.
// A distribution has it under converters in its OCB manifest.
package healthmiddleware

import (
	"context"

	"go.opentelemetry.io/collector/confmap"

	"github.com/eventflux-io/eventflux-otel/internal/otlpclient"
)

// extensionType is that of the extension that is added.
const extensionType = "pipeline_health"

// NewFactory returns the factory of the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert implements [confmap.Converter].
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	config := conf.ToStringMap()
	id := extensionOf(config)
	if id == "" {
		return nil
	}
	changed := map[string]any{}
	for exporter, settings := range otlpclient.Table(config["exporters"]) {
		if otlpclient.Is(exporter) {
			changed[exporter] = otlpclient.With(exporter, settings, id)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{"exporters": changed}))
}

// extensionOf returns the first pipeline_health extension that runs, empty if
// none does.
func extensionOf(config map[string]any) string {
	extensions, _ := otlpclient.Table(config["service"])["extensions"].([]any)
	for _, e := range extensions {
		if id, ok := e.(string); ok && otlpclient.TypeOf(id) == extensionType {
			return id
		}
	}
	return ""
}
