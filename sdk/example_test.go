// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"fmt"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// An engine instrumented from start to exit. OTEL_* variables say where the collector is; without one the engine
// runs just the same.
func Example() {
	ctx := context.Background()
	sdk, err := telemetry.Start(ctx, telemetry.Config{Level: telemetry.Off}) // Basic in production
	if err != nil {
		sdk.Logger().Error("telemetry is off", "error", err) // sdk works all the same
	}
	defer sdk.Shutdown(ctx)

	// Deploy: bind handles once.
	app := sdk.App("orders")
	stream := app.Stream("Orders")
	query := app.Query("totals")
	in, out := query.Input("Orders"), query.Output("Totals")
	query.Errors("parse")
	query.Window("tumbling").SizeFunc(func() int64 { return 4096 })
	worker := query.Worker() // one per goroutine

	// Run: bracket every batch.
	events := []int{3, 4, 5}
	stream.Received(len(events))
	batch := worker.Begin(ctx, telemetry.Arrival{Count: len(events), Stream: "Orders", SendStart: time.Now()})
	total := 0
	span := batch.Span(telemetry.StageAggregation)
	for _, e := range events {
		total += e
	}
	span.End()
	batch.Processed(in, len(events))
	batch.Emitted(out, 1)
	query.Logger().DebugContext(batch.Context(), "batch done", "total", total)
	batch.End()

	// Undeploy.
	app.Close()
	fmt.Println(total)
	// Output: 12
}

// A file configures an engine; mistakes are named with their line.
func ExampleLoadTOML() {
	cfg, err := telemetry.LoadTOML("testdata/eventflux.toml", "engine")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Service.Name, cfg.Metrics.Interval, cfg.Logging.Format)
	_, err = telemetry.LoadTOML("testdata/typo.toml")
	fmt.Println(err)
	// Output:
	// orders 5s json
	// testdata/typo.toml:2: unknown key logging.levl, keys of [logging] are level, format, output, per_site
}
