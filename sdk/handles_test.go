// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

func TestEveryMetricOfTheRegistryIsExported(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Level: telemetry.Detail})
	app := sdk.App("orders")
	bound := touch(t, reflect.ValueOf(app))
	assert.Greater(t, bound, 180)
	readThrough(t, sdk, app)
	flush(t, sdk)

	got := c.newest()
	for m := range semconv.Metrics() {
		exported, ok := got[m.Name()]
		if !ok {
			assert.True(t, runtime.GOOS != "linux" && strings.Contains(m.Name(), "process."), "%s is not exported", m.Name())
			continue
		}
		want := map[string]bool{}
		for _, key := range m.Attributes() {
			want[string(key)] = true
		}
		assert.Equal(t, m.Unit(), exported.Unit, m.Name())
		for _, attrs := range attributeSets(exported) {
			have := map[string]bool{}
			for _, kv := range attrs {
				have[kv.Key] = true
				assert.NotEmpty(t, kv.Value.GetStringValue(), "%s: %s", m.Name(), kv.Key)
			}
			assert.Equal(t, want, have, m.Name())
		}
	}

	app.Close()
	flush(t, sdk)
	flush(t, sdk)
	assert.NotContains(t, c.newest(), "eventflux.sink.events.sent", "closing the app closes its handles")
}

func TestBelowDetailTheDearMetricsAreNil(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sink := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{}).App("orders").Sink("Out", "log")
	assert.Nil(t, sink.QueueDepth())
	assert.Nil(t, sink.BatchSize())
	first, again := sink.EventsSent(), sink.EventsSent()
	require.NotNil(t, first)
	assert.Same(t, first, again, "an instrument is bound once")
	sink.QueueDepth().Add(1)
	sink.BatchSize().Observe(1)
}

func TestANilHandleGivesOutNilInstruments(t *testing.T) {
	var app *telemetry.App
	assert.Positive(t, touch(t, reflect.ValueOf(app)))
	var query *telemetry.Query
	assert.Greater(t, touch(t, reflect.ValueOf(query)), 40)
}

// readThrough gives the SDK a function for each metric that it reads through one, and a check to run.
func readThrough(t *testing.T, sdk *telemetry.SDK, app *telemetry.App) {
	t.Helper()
	q, s := app.Query("q1"), app.Stream("In")
	q.Window("sliding").SizeFunc(func() int64 { return 1 })
	q.BufferFunc(func() float64 { return 1 })
	q.BufferSizeFunc(func() int64 { return 1 })
	q.StateFunc(func() int64 { return 1 })
	s.BufferFunc(func() int64 { return 1 })
	s.OldestFunc(func() time.Duration { return 1 })
	_, err := sdk.Health().Register("event_pipeline", health.NewPipeline(func() health.Reading { return health.Reading{} }))
	require.NoError(t, err)
}

// touch calls every method of a handle that takes words and gives out a handle or an instrument, records something
// with the instruments and goes on with the handles. It returns how many instruments there are.
func touch(t *testing.T, handle reflect.Value) (instruments int) {
	t.Helper()
	for i := range handle.NumMethod() {
		method := handle.Method(i)
		of := method.Type()
		args, ok := words(of)
		if !ok || of.NumOut() != 1 || of.Out(0).Kind() != reflect.Pointer || of.Out(0).Elem().PkgPath() != handle.Type().Elem().PkgPath() {
			continue
		}
		made := method.Call(args)[0]
		assert.Equal(t, handle.IsNil(), made.IsNil(), handle.Type().Method(i).Name)
		if record(made.Interface()) {
			instruments++
			continue
		}
		instruments += touch(t, made)
		if closer, ok := reflect.TypeAssert[interface{ Close() }](made); ok && made.IsNil() {
			closer.Close()
		}
	}
	return instruments
}

// words returns one word per parameter of a function, if all its parameters are strings. Those of a variadic one are
// left out.
func words(of reflect.Type) (args []reflect.Value, ok bool) {
	fixed := of.NumIn()
	if of.IsVariadic() {
		fixed--
	}
	for i := range fixed {
		if of.In(i).Kind() != reflect.String {
			return nil, false
		}
		args = append(args, reflect.ValueOf("word").Convert(of.In(i)))
	}
	return args, true
}

// record uses an instrument once, and answers false to what is none.
func record(instrument any) bool {
	switch i := instrument.(type) {
	case *telemetry.Counter:
		i.Inc()
	case *telemetry.TimeCounter:
		i.Add(time.Second)
	case *telemetry.UpDownCounter:
		i.Add(1)
	case *telemetry.Gauge:
		i.Set(1)
	case *telemetry.Histogram:
		i.Observe(time.Second)
	case *telemetry.SizeHistogram:
		i.Observe(1)
	default:
		return false
	}
	return true
}

// attributeSets returns the attributes of every point.
func attributeSets(m *metricspb.Metric) (sets [][]*commonpb.KeyValue) {
	for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
		sets = append(sets, p.Attributes)
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		sets = append(sets, p.Attributes)
	}
	return sets
}
