// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// newResource builds the resource that metrics, traces and logs share. deployment.environment keeps its older name
// because the requirements of EventFlux fix it. A detector that fails costs its attribute,
// not the start: the error is for reporting only, the resource is always usable. Secrets in it are
// hidden.
func newResource(ctx context.Context, service Service, more []attribute.KeyValue, lost *losses) (*resource.Resource, error) {
	attrs := append([]attribute.KeyValue(nil), more...)
	attrs = append(attrs, semconv.ServiceNameKey.String(service.Name), semconv.ServiceInstanceIDKey.String(service.InstanceID))
	if service.Version != "" {
		attrs = append(attrs, semconv.ServiceVersionKey.String(service.Version))
	}
	if service.Environment != "" {
		attrs = append(attrs, semconv.DeploymentEnvironmentKey.String(service.Environment))
	}
	if service.Tenant != "" {
		attrs = append(attrs, semconv.TenantKey.String(service.Tenant))
	}
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithProcessPID(),
		resource.WithAttributes(lost.resourceAttributes(attrs)...),
	)
}

// newInstanceID returns an identity for this process.
func newInstanceID() string {
	return uuid.NewString()
}
