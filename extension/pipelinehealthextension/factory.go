// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
)

// NewFactory returns the factory of the pipeline_health extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, newDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config)), nil
}
