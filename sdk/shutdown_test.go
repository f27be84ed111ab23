// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

func TestShutdownSaysGoodbyeLast(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{}, telemetry.WithInstanceID("engine-7"))
	b := sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	b.End()
	require.NoError(t, sdk.Shutdown(t.Context()))
	require.NoError(t, sdk.Shutdown(t.Context()), "twice is fine")

	assert.Equal(t, "logs", c.order[len(c.order)-1])
	assert.Contains(t, c.order, "metrics")
	assert.Contains(t, c.order, "traces")
	records := c.allLogs()
	require.Len(t, records, 2)
	assert.Equal(t, "eventflux.health.changed", records[0].EventName)
	assert.Equal(t, "entity.delete", records[1].EventName)
	assert.Equal(t, map[string]any{
		"entity.type":          "service.instance",
		"entity.id":            map[string]any{"service.instance.id": "engine-7"},
		"entity.delete.reason": "terminated",
	}, attributes(records[1].Attributes))
}

// exporter is an exporter of all three signals whose every call does what it is told.
type exporter struct {
	call  func(context.Context) error
	calls *atomic.Int64
}

func (e exporter) run(ctx context.Context) error {
	e.calls.Add(1)
	return e.call(ctx)
}

type spanExporter struct{ exporter }

func (e spanExporter) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	return e.run(ctx)
}
func (e spanExporter) Shutdown(ctx context.Context) error { return e.call(ctx) }

type logExporter struct{ exporter }

func (e logExporter) Export(ctx context.Context, _ []sdklog.Record) error { return e.run(ctx) }
func (e logExporter) ForceFlush(ctx context.Context) error                { return e.call(ctx) }
func (e logExporter) Shutdown(ctx context.Context) error                  { return e.call(ctx) }

type metricExporter struct{ exporter }

func (e metricExporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (e metricExporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (e metricExporter) Export(ctx context.Context, _ *metricdata.ResourceMetrics) error {
	return e.run(ctx)
}
func (e metricExporter) ForceFlush(ctx context.Context) error { return e.call(ctx) }
func (e metricExporter) Shutdown(ctx context.Context) error   { return e.call(ctx) }

func exporters(call func(context.Context) error) (telemetry.Exporters, *atomic.Int64) {
	e := exporter{call: call, calls: new(atomic.Int64)}
	return telemetry.Exporters{Spans: spanExporter{e}, Metrics: metricExporter{e}, Logs: logExporter{e}}, e.calls
}

func TestShutdownReturnsAtTheDeadlineThoughExportersHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hanging, _ := exporters(func(context.Context) error { <-release; return nil })
		sdk, err := telemetry.Start(context.Background(), telemetry.Config{},
			telemetry.WithExporters(hanging), telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(func(error) {}))
		require.NoError(t, err)
		b := sdk.App("orders").Query("q1").Worker().Begin(context.Background(), telemetry.Arrival{Count: 1})
		b.End()

		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		err = sdk.Shutdown(ctx)
		assert.Equal(t, 3*time.Second, time.Since(begun))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "could not shut down metrics in time")
		assert.ErrorContains(t, err, "could not shut down logs in time")

		close(release)
		synctest.Wait()
	})
}

func TestShutdownDuringAnExportIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, calls := exporters(func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		})
		sdk, err := telemetry.Start(context.Background(), telemetry.Config{}, telemetry.WithExporters(slow),
			telemetry.WithLogWriter(io.Discard), telemetry.WithMetricInterval(time.Minute),
			telemetry.WithErrorHandler(func(err error) { t.Error(err) }))
		require.NoError(t, err)
		time.Sleep(time.Minute + 500*time.Millisecond) // in the middle of an export
		require.NoError(t, sdk.Shutdown(context.Background()))
		assert.Equal(t, int64(5), calls.Load(), "the cancelled export, the same again, the last one, the change of health and the goodbye")
	})
}

func TestACollectorThatIsDownCostsTheEngineNothing(t *testing.T) {
	var failures atomic.Int64
	begun := time.Now()
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{},
		telemetry.WithEndpoint("http://127.0.0.1:1"), telemetry.WithMetricInterval(10*time.Millisecond),
		telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(func(error) { failures.Add(1) }))
	require.NoError(t, err)
	q := sdk.App("orders").Query("q1")
	in, w := q.Input("In"), q.Worker()
	for range 5000 {
		b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
		b.Processed(in, 1)
		q.Logger().InfoContext(b.Context(), "batch")
		b.End()
	}
	assert.Less(t, time.Since(begun), 5*time.Second)

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun = time.Now()
	require.Error(t, sdk.Shutdown(ctx))
	assert.Less(t, time.Since(begun), 2*time.Second)
}

func TestAPanickingOrFailingExporterReachesOnlyTheErrorHandler(t *testing.T) {
	for name, call := range map[string]func(context.Context) error{
		"panics": func(context.Context) error { panic("no backend") },
		"fails":  func(context.Context) error { return errors.New("no backend") },
	} {
		t.Run(name, func(t *testing.T) {
			broken, calls := exporters(call)
			var failures atomic.Int64
			sdk, err := telemetry.Start(t.Context(), telemetry.Config{}, telemetry.WithExporters(broken),
				telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(func(error) { failures.Add(1) }))
			require.NoError(t, err)
			b := sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
			sdk.Logger().InfoContext(b.Context(), "batch")
			b.End()
			require.ErrorContains(t, sdk.ForceFlush(t.Context()), "no backend")
			require.Error(t, sdk.Shutdown(t.Context()))
			assert.GreaterOrEqual(t, calls.Load(), int64(3))
			assert.GreaterOrEqual(t, failures.Load(), int64(3))
		})
	}
}
