// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// deploy builds the application under a span of its own and counts how that
// went. What build has opened is closed again if it fails.
func (a *app) deploy(build func() error) error {
	start, runtime := time.Now(), a.handle.Runtime()
	_, span := a.handle.Operation(context.Background(), telemetry.OperationDeploy)
	defer span.End()
	err := build()
	if err == nil {
		err = a.watch()
	}
	result := semconv.ResultSuccess
	if err != nil {
		result = semconv.ResultFailure
		span.Fail(err)
	}
	runtime.AppStarts(appName, result).Inc()
	runtime.AppStartDuration(result).Observe(time.Since(start))
	if err != nil {
		_ = a.close() // nothing was used yet
		return err
	}
	runtime.QueryDeployments(result).Add(len(a.queries))
	runtime.AppsActive(semconv.AppStateRunning).Add(1)
	return nil
}
