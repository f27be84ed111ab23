// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
)

func TestAPanickingFunctionTakesOnlyItsOwnMetricOut(t *testing.T) {
	for name, bind := range map[string]func(a *telemetry.App, q *telemetry.Query){
		"query.buffer.utilization":    func(_ *telemetry.App, q *telemetry.Query) { q.BufferFunc(func() float64 { panic("gone") }) },
		"eventflux.query.buffer.size": func(_ *telemetry.App, q *telemetry.Query) { q.BufferSizeFunc(func() int64 { panic("gone") }) },
		"eventflux.query.state.size":  func(_ *telemetry.App, q *telemetry.Query) { q.StateFunc(func() int64 { panic("gone") }) },
		"query.window.size": func(_ *telemetry.App, q *telemetry.Query) {
			q.Window("sliding").SizeFunc(func() int64 { panic("gone") })
		},
		"stream.buffer.size": func(a *telemetry.App, _ *telemetry.Query) {
			a.Stream("In").BufferFunc(func() int64 { panic("gone") })
		},
		"eventflux.query.event_time.lag": func(_ *telemetry.App, q *telemetry.Query) {
			q.EventTimeLag().Func(func() float64 { panic("gone") })
		},
		"eventflux.memory.usage": func(a *telemetry.App, _ *telemetry.Query) {
			a.MemoryFunc("state", func() int64 { panic("gone") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, telemetry.ProtocolGRPC)
			sdk, seen := startHost(t, telemetry.WithEndpoint(c.url))
			a := sdk.App("orders")
			q := a.Query("q1")
			bind(a, q)
			q.Worker().Begin(t.Context(), telemetry.Arrival{Count: 1}).End()
			require.ErrorContains(t, sdk.ForceFlush(t.Context()), "panic: gone")
			assert.Contains(t, seen.all(), "could not read metric "+name)
			assert.Contains(t, c.newest(), "query.latency", "everything else is there")
		})
	}
}

func TestAPanickingHealthCheckIsUnhealthyAndReported(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk, seen := startHost(t, telemetry.WithEndpoint(c.url))
	_, err := sdk.Health().Register("state_backend", health.CheckFunc(func(context.Context) health.Result { panic("no store") }))
	require.NoError(t, err)
	_, err = sdk.Health().Register("event_pipeline", health.NewPipeline(func() health.Reading { panic("no pipeline") }))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sdk.Health().Status() == health.Unhealthy }, 5*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return bytes.Contains([]byte(seen.all()), []byte("no pipeline")) }, 5*time.Second, 5*time.Millisecond)
	assert.Contains(t, seen.all(), "could not run health check state_backend: panic: no store")
}

// explosive panics wherever a log or a trace looks at a value.
type explosive struct{}

func (explosive) Error() string                { panic("no text") }
func (explosive) ErrorType() string            { panic("no type") }
func (explosive) Unwrap() error                { panic("no cause") }
func (explosive) Is(error) bool                { panic("no identity") }
func (explosive) As(any) bool                  { panic("no other type") }
func (explosive) String() string               { panic("no string") }
func (explosive) GoString() string             { panic("no Go string") }
func (explosive) MarshalJSON() ([]byte, error) { panic("no JSON") }
func (explosive) MarshalText() ([]byte, error) { panic("no text") }
func (explosive) LogValue() slog.Value         { panic("no value") }

type (
	explosiveStringer struct{ _ int }
	explosiveJSON     struct{ _ int }
	explosiveText     struct{ _ int }
	explosiveError    struct{ _ int }
	explosiveValuer   struct{ _ int }
)

func (*explosiveStringer) String() string           { panic("no string") }
func (*explosiveJSON) MarshalJSON() ([]byte, error) { panic("no JSON") }
func (explosiveText) MarshalText() ([]byte, error)  { panic("no text") }
func (*explosiveError) Error() string               { panic(explosive{}) }
func (explosiveValuer) LogValue() slog.Value        { panic("no value") }
func (explosiveValuer) Error() string               { panic("no text") }

func TestValuesThatPanicAreLoggedWithoutHarm(t *testing.T) {
	for _, format := range []string{"json", "pretty"} {
		c := newCollector(t, telemetry.ProtocolGRPC)
		var out bytes.Buffer
		sdk, err := telemetry.Start(t.Context(), telemetry.Config{Logging: telemetry.Logging{Format: format}},
			telemetry.WithEndpoint(c.url), telemetry.WithLogWriter(&out), telemetry.WithErrorHandler(func(error) {}))
		require.NoError(t, err)
		w := sdk.App("orders").Query("q1").Worker()
		values := []any{
			explosive{},
			&explosive{}, (*explosive)(nil), &explosiveStringer{}, (*explosiveStringer)(nil), &explosiveJSON{},
			(*explosiveJSON)(nil),
			explosiveText{},
			map[explosiveText]int{{}: 1},
			&explosiveError{}, (*explosiveError)(nil),
			explosiveValuer{},
			[]any{explosive{}},
			map[string]any{"in": explosive{}},
			slog.GroupValue(slog.Any("in", explosive{})),
			errors.Join(explosive{}), make(chan int), func() {}, slog.AnyValue(explosiveValuer{}),
		}
		for _, v := range values {
			for _, l := range []*slog.Logger{sdk.Logger(), w.Logger(), slog.New(sdk.LogHandler())} {
				assert.NotPanics(t, func() {
					l.Info("value", "v", v)
					l.Error("value", "password", v)
					l.With("v", v).WithGroup("g").Info("with", "v", v)
				}, "%s %T", format, v)
			}
		}
		flush(t, sdk)
		assert.Equal(t, 9*len(values), bytes.Count(out.Bytes(), []byte("\n")), "no record is lost")
		assert.Len(t, c.allLogs(), 9*len(values))
		require.NoError(t, sdk.Shutdown(t.Context()))
	}
}

func TestErrorsThatPanicMarkTheTraceWithoutHarm(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk, _ := startHost(t, telemetry.WithEndpoint(c.url))
	q := sdk.App("orders").Query("q1")
	w := q.Worker()
	for _, failure := range []error{explosive{}, &explosive{}, (*explosive)(nil), &explosiveError{}, (*explosiveError)(nil), explosiveValuer{}, errors.Join(explosive{})} {
		assert.NotPanics(t, func() {
			b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
			s := b.Span(telemetry.StageAggregation)
			s.Fail(failure)
			s.End()
			b.Error("parse", failure)
			b.Error("parse", failure)
			b.End()
			_, op := sdk.Operation(t.Context(), telemetry.OperationCheckpoint, attribute.String("k", "v"))
			op.Fail(failure)
			op.End()
		}, "%T", failure)
	}
	flush(t, sdk)
	assert.Equal(t, 7, c.countRoots())
}

// selectors is a metric exporter that panics when asked how it wants its metrics.
type selectors struct{ metricExporter }

func (selectors) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	panic("no temporality")
}

func (selectors) Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation { panic("no aggregation") }

func TestExportersThatPanicInEveryMethodAreSurvived(t *testing.T) {
	broken, calls := exporters(func(context.Context) error { panic("no backend") })
	broken.Metrics = selectors{broken.Metrics.(metricExporter)}
	sdk, seen := startHost(t, telemetry.WithExporters(broken), telemetry.WithGlobals())
	defer restoreGlobals()()
	counter, err := otel.Meter("library").Int64Counter("calls")
	require.NoError(t, err)
	counter.Add(t.Context(), 1)
	work(t.Context(), sdk, 10)
	require.Error(t, sdk.ForceFlush(t.Context()))
	work(t.Context(), sdk, 10)
	require.Error(t, sdk.Shutdown(t.Context()))
	assert.GreaterOrEqual(t, calls.Load(), int64(6), "it is called again after a panic")
	for _, part := range []string{
		"ask the metric exporter for its temporality: panic: no temporality", "ask the metric exporter for its aggregation",
		"could not export metrics: panic", "could not export traces: panic", "could not export logs: panic",
		"could not flush the metric exporter: panic", "could not shut down the trace exporter: panic",
		"could not shut down the metric exporter: panic", "could not shut down the log exporter: panic",
	} {
		assert.Contains(t, seen.all(), part)
	}
}

func TestTypedNilExportersAreSurvived(t *testing.T) {
	sdk, seen := startHost(t, telemetry.WithExporters(telemetry.Exporters{
		Spans: (*spanExporter)(nil), Metrics: (*metricExporter)(nil), Logs: (*logExporter)(nil),
	}))
	work(t.Context(), sdk, 10)
	require.Error(t, sdk.ForceFlush(t.Context()))
	require.Error(t, sdk.Shutdown(t.Context()))
	assert.Contains(t, seen.all(), "called using nil")
}

func TestACallbackOfALibraryThatPanicsIsSurvived(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	defer restoreGlobals()()
	sdk, _ := startHost(t, telemetry.WithEndpoint(c.url), telemetry.WithGlobals())
	broken := true
	_, err := otel.Meter("library").Int64ObservableGauge("depth", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		if broken {
			panic("no depth")
		}
		return nil
	}))
	require.NoError(t, err)
	require.ErrorContains(t, sdk.ForceFlush(t.Context()), "could not collect metrics: panic: no depth")
	broken = false
	flush(t, sdk)
	assert.Contains(t, c.newest(), "eventflux.uptime")
}

// panicWriter is a log output that panics.
type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("no disk") }

func TestALogWriterThatPanicsIsReported(t *testing.T) {
	healthy, _ := exporters(func(context.Context) error { return nil })
	sdk, seen := startHost(t, telemetry.WithExporters(healthy), telemetry.WithLogWriter(panicWriter{}))
	work(t.Context(), sdk, 10)
	_ = sdk.ForceFlush(t.Context()) // fails if the lines were not written before
	assert.Contains(t, seen.all(), "could not write the local log: panic: no disk")
}

func TestAnErrorHandlerThatPanicsIsSurvived(t *testing.T) {
	broken, _ := exporters(func(context.Context) error { return errors.New("no backend") })
	sdk, _ := startHost(t, telemetry.WithExporters(broken), telemetry.WithLogWriter(panicWriter{}),
		telemetry.WithErrorHandler(func(error) { panic("no handler") }))
	work(t.Context(), sdk, 10)
	require.Error(t, sdk.ForceFlush(t.Context()))
	require.Error(t, sdk.Shutdown(t.Context()))
}

func TestNilOptionsAndNilFunctionsAreLegal(t *testing.T) {
	healthy, _ := exporters(func(context.Context) error { return nil })
	sdk, seen := startHost(t, nil, telemetry.WithExporters(healthy), telemetry.WithErrorHandler(nil), telemetry.WithLogWriter(nil), telemetry.WithErrorHandler(nil))
	a := sdk.App("orders")
	a.MemoryFunc("state", nil)
	q := a.Query("q1")
	q.BufferFunc(nil)
	q.BufferSizeFunc(nil)
	q.StateFunc(nil)
	q.Window("sliding").SizeFunc(nil)
	q.EventTimeLag().Func(nil)
	s := a.Stream("In")
	s.BufferFunc(nil)
	s.OldestFunc(nil)
	b := q.Worker().Begin(nil, telemetry.Arrival{Count: -1}) //nolint:staticcheck // a host may do it
	b.Error("", nil)
	b.Processed(nil, 1)
	b.Emitted(nil, 1)
	b.End()
	_, err := sdk.Health().Register("x", nil)
	require.Error(t, err)
	require.NoError(t, sdk.ForceFlush(nil)) //nolint:staticcheck // a host may do it
	require.NoError(t, sdk.Shutdown(nil))   //nolint:staticcheck // a host may do it
	assert.Empty(t, seen.all())
}

// restoreGlobals returns a function that puts the OpenTelemetry globals back.
func restoreGlobals() func() {
	meters, traces, errorHandler := otel.GetMeterProvider(), otel.GetTracerProvider(), otel.GetErrorHandler()
	propagator := otel.GetTextMapPropagator()
	return func() {
		otel.SetMeterProvider(meters)
		otel.SetTracerProvider(traces)
		otel.SetErrorHandler(errorHandler)
		otel.SetTextMapPropagator(propagator)
	}
}
