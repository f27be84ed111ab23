// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command eventflux is the smallest engine that sends all three signals with the SDK, configured from a file. The tool
// enginesize compares it with one that uses OpenTelemetry alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, fileErr := telemetry.LoadTOML("eventflux.toml")
	sdk, startErr := telemetry.Start(ctx, cfg)
	query := sdk.App("orders").Query("totals")
	in, worker := query.Input("Orders"), query.Worker()
	batch := worker.Begin(ctx, telemetry.Arrival{Count: 1, Stream: "Orders"})
	batch.Processed(in, 1)
	worker.Logger().InfoContext(batch.Context(), "batch done")
	batch.End()
	return errors.Join(fileErr, startErr, sdk.Shutdown(ctx))
}
