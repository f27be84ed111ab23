// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
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

// An engine says how its parts are. The collector shows these three in /health.
func ExampleSDK_Health() {
	sdk := telemetry.Noop() // or that of Start
	defer sdk.Shutdown(context.Background())
	checks := sdk.Health()
	checks.Register("event_pipeline", health.NewPipeline(func() health.Reading {
		return health.Reading{Events: 1200, QueueDepth: 64, QueueCapacity: 1024}
	}))
	checks.Register("state_backend", health.CheckFunc(func(ctx context.Context) health.Result {
		return health.FromError(pingState(ctx))
	}), health.WithTimeout(500*time.Millisecond), health.WithThreshold(2))
	remove, err := checks.Register("query_runtime", health.CheckFunc(func(context.Context) health.Result {
		return health.Result{Status: health.Degraded, Message: "1 of 5 queries restarts"}
	}), health.WithSeverity(health.Warning), health.WithInterval(time.Second))
	if err != nil {
		fmt.Println(err)
	}
	defer remove()

	for _, c := range checks.Report().Checks {
		fmt.Println(c.Name, c.Severity)
	}
	// Output:
	// event_pipeline critical
	// query_runtime warning
	// state_backend critical
}

func pingState(context.Context) error { return nil }

// Every part of an engine has a handle, and every metric of the conventions an instrument on one. Instruments are
// bound when they are asked for: keep them.
func ExampleApp_Sink() {
	sdk := telemetry.Noop()
	app := sdk.App("orders")
	query := app.Query("totals")
	worker := query.Worker()

	sink := app.Sink("Totals", "file")
	sent, failed := sink.EventsSent(), sink.Errors("timeout")
	sink.QueueDepth().Func(func() int64 { return 3 })
	filtered := worker.Cell(query.Operator("filter", "f1").FilterEventsDropped()) // this worker's share

	filtered.Inc()
	sent.Add(3)
	failed.Inc()

	sink.Close()
	// Output:
}

// SELECT COUNT(*) AS total_trades, AVG(price) AS avg_price ... EMIT METRICS
func ExampleQuery_EmitMetrics() {
	query := telemetry.Noop().App("orders").Query("totals")
	err := query.EmitMetrics(
		telemetry.Column{Name: "total_trades", Total: true},
		telemetry.Column{Name: "avg_price", Unit: "{usd}"},
	)
	if err != nil {
		fmt.Println(err)
	}
	query.Emit("total_trades", 3)
	query.Emit("avg_price", 101.5)
	// Output:
}

// A CPU profile that can be split by query.
func ExampleSDK_LabelProfiles() {
	sdk := telemetry.Noop()
	var w bytes.Buffer
	defer sdk.LabelProfiles()()
	if err := pprof.StartCPUProfile(&w); err == nil {
		pprof.StopCPUProfile()
	}
	// Output:
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

// A worker's logger and context name its query; an ERROR record also leads to the trace of its batch.
func ExampleWorker_Logger() {
	ctx := context.Background()
	var log bytes.Buffer
	sdk, err := telemetry.Start(ctx, telemetry.Config{Level: telemetry.Off}, telemetry.WithLogWriter(&log))
	if err != nil {
		fmt.Println(err)
	}
	query := sdk.App("orders").Query("totals")
	query.Input("Orders")
	worker := query.Worker()

	batch := worker.Begin(worker.Context(), telemetry.Arrival{Count: 3})
	worker.Logger().Error("bad row", "row", 2)
	sdk.Logger().InfoContext(batch.Context(), "went on")
	batch.End()
	_ = sdk.Shutdown(ctx) // lines are written by a goroutine of the SDK

	for line := range strings.Lines(log.String()) {
		_, fields, _ := strings.Cut(line, `"target"`)
		fmt.Print(fields)
	}
	// Output:
	// :"eventflux::query","message":"bad row","fields":{"query.id":"totals","stream.name":"Orders","row":2}}
	// :"eventflux","message":"went on","fields":{"query.id":"totals","stream.name":"Orders"}}
}

// A checkpoint and its parts are one trace, whatever is sampled.
func ExampleSDK_Operation() {
	sdk := telemetry.Noop()
	ctx, checkpoint := sdk.Operation(context.Background(), telemetry.OperationCheckpoint,
		attribute.String("eventflux.checkpoint.type", "full"))
	_, window := sdk.Operation(ctx, telemetry.OperationComponent, attribute.String("eventflux.state.component", "window"))
	window.End()
	checkpoint.Fail(errors.New("disk full"))
	checkpoint.End()
	// Output:
}
