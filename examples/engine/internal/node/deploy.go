// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"runtime/debug"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// deploy builds the application under a span of its own and counts how that
// went. What was opened is closed again if that fails.
func (n *Node) deploy() error {
	start, runtime := time.Now(), n.handle.Runtime()
	_, span := n.handle.Operation(context.Background(), telemetry.OperationDeploy)
	defer span.End()
	err := n.build()
	if err == nil {
		err = n.watch()
	}
	span.Fail(err)
	runtime.AppStarts(n.app.Name, result(err)).Inc()
	runtime.AppStartDuration(result(err)).Observe(time.Since(start))
	if err != nil {
		_ = n.Close() // nothing was used yet
		return err
	}
	runtime.QueryDeployments(semconv.ResultSuccess).Add(len(n.queries))
	runtime.BuildInfo(n.opts.Version, commit()).Set(1)
	runtime.AppsActive(semconv.AppStateRunning).Add(1)
	return nil
}

func result(err error) semconv.ResultValue {
	if err != nil {
		return semconv.ResultFailure
	}
	return semconv.ResultSuccess
}

// commit is the revision that the program was built from, if the build knew it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
