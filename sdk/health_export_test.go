// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
)

// backend is a check that answers what it is set to.
type backend struct {
	mu     sync.Mutex
	result health.Result
}

func (b *backend) Check(context.Context) health.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.result
}

func (b *backend) set(s health.Status, message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.result = health.Result{Status: s, Message: message}
}

// becomes waits until check, or the whole, is in status.
func becomes(t *testing.T, r *health.Registry, check string, status health.Status) {
	t.Helper()
	require.Eventually(t, func() bool {
		report := r.Report()
		for _, c := range report.Checks {
			if c.Name == check {
				return c.Status == status
			}
		}
		return check == health.Overall && report.Status == status
	}, 5*time.Second, time.Millisecond)
}

const often = 100 * time.Millisecond

func TestHealthLeavesTheEngineAsMetrics(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local locked
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{}, telemetry.WithLogWriter(&local))
	state := &backend{result: health.Result{Status: health.Healthy}}
	remove, err := sdk.Health().Register("state_backend", state, health.WithInterval(often))
	require.NoError(t, err)
	_, err = sdk.Health().Register("event_pipeline", health.NewPipeline(func() health.Reading {
		return health.Reading{Events: 10, QueueDepth: 9, QueueCapacity: 10, Latency: time.Second}
	}))
	require.NoError(t, err)
	becomes(t, sdk.Health(), "state_backend", health.Healthy)
	becomes(t, sdk.Health(), "event_pipeline", health.Degraded)
	state.set(health.Unhealthy, "disk full")
	require.Eventually(t, func() bool { return strings.Contains(local.String(), "engine is unhealthy") }, 5*time.Second, time.Millisecond)
	flush(t, sdk)

	got := describe(t, c.newest())
	status := "eventflux.health.status {check} updown"
	assert.Subset(t, got[status], []string{
		"{eventflux.health.check=state_backend eventflux.health.state=unknown} 0",
		"{eventflux.health.check=state_backend eventflux.health.state=healthy} 0",
		"{eventflux.health.check=state_backend eventflux.health.state=degraded} 0",
		"{eventflux.health.check=state_backend eventflux.health.state=unhealthy} 1",
		"{eventflux.health.check=event_pipeline eventflux.health.state=degraded} 1",
		"{eventflux.health.check=overall eventflux.health.state=healthy} 0",
		"{eventflux.health.check=overall eventflux.health.state=unhealthy} 1",
		"{eventflux.health.check=overall eventflux.health.state=shutting_down} 0",
	})
	assert.Len(t, got[status], 4+4+5)
	assert.Equal(t, []string{"{} 0"}, got["eventflux.health.ready {engine} updown"])
	assert.ElementsMatch(t, []string{
		"{eventflux.health.check=event_pipeline} 0.25", "{eventflux.health.check=overall} 0.25",
	}, round(got["eventflux.health.score {score} gauge"]))
	assert.Contains(t, got["eventflux.health.transitions {transition} counter"],
		"{eventflux.health.check=state_backend eventflux.health.state=unhealthy} 1")
	assert.Contains(t, got["eventflux.health.check.duration s histogram"], "{eventflux.health.check=event_pipeline} 1")
	assert.NotContains(t, got["eventflux.health.check.failures {failure} counter"], "{eventflux.health.check=state_backend} 0")
	assert.Contains(t, got["eventflux.health.check.failures {failure} counter"], "{eventflux.health.check=event_pipeline} 0")
	for metric, value := range map[string]string{
		"throughput {event}/s gauge": "0", "latency s gauge": "1", "score {score} gauge": "0.25",
	} {
		var series []string
		for _, window := range []string{"1m", "5m", "15m"} {
			series = append(series, "{eventflux.health.check=event_pipeline eventflux.trend.window="+window+"} "+value)
		}
		assert.ElementsMatch(t, series, round(got["eventflux.health.trend."+metric]), "one reading is no throughput yet")
	}

	remove()
	flush(t, sdk)
	flush(t, sdk)
	for _, series := range describe(t, c.newest())[status] {
		assert.NotContains(t, series, "state_backend", "a check that is gone is not exported")
	}
}

// round takes the noise off values of a quarter.
func round(series []string) []string {
	rounded := make([]string, len(series))
	for i, s := range series {
		if rounded[i] = s; strings.Contains(s, " 0.2499") {
			rounded[i] = s[:strings.LastIndex(s, " ")] + " 0.25"
		}
	}
	return rounded
}

func TestEveryChangeOfHealthIsALogEvent(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local locked
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{}, telemetry.WithLogWriter(&local))
	state := &backend{result: health.Result{Status: health.Healthy}}
	_, err := sdk.Health().Register("state_backend", state, health.WithInterval(often))
	require.NoError(t, err)
	becomes(t, sdk.Health(), "state_backend", health.Healthy)
	state.set(health.Unhealthy, "disk full")
	becomes(t, sdk.Health(), "state_backend", health.Unhealthy)
	state.set(health.Healthy, "")
	becomes(t, sdk.Health(), "state_backend", health.Healthy)
	require.NoError(t, sdk.Shutdown(t.Context()))

	var events []string
	for _, r := range c.allLogs() {
		if r.EventName == "eventflux.health.changed" {
			events = append(events, r.SeverityText+" "+r.Body.GetStringValue())
		}
		if r.SeverityNumber == logspb.SeverityNumber_SEVERITY_NUMBER_WARN && strings.Contains(r.Body.GetStringValue(), "check") {
			assert.Equal(t, map[string]any{
				"eventflux.health.check":          "state_backend",
				"eventflux.health.state":          "unhealthy",
				"eventflux.health.previous_state": "healthy",
				"eventflux.health.message":        "disk full",
			}, attributes(r.Attributes))
		}
	}
	assert.Equal(t, []string{
		"INFO engine is unknown, was healthy",
		"INFO health check state_backend is healthy, was unknown",
		"INFO engine is healthy, was unknown",
		"WARN health check state_backend is unhealthy, was healthy: disk full",
		"WARN engine is unhealthy, was healthy",
		"INFO health check state_backend is healthy, was unhealthy",
		"INFO engine is healthy, was unhealthy",
		"INFO engine is shutting_down, was healthy",
	}, events)
	assert.Equal(t, 4, strings.Count(local.String(), "\n"), "trouble and its end: %s", local.String())
	assert.Contains(t, local.String(), `"level":"WARN","target":"eventflux","message":"health check state_backend is unhealthy, was healthy: disk full"`)
}

func TestTheLastExportSaysThatTheEngineShutsDown(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	_, err := sdk.Health().Register("sink", &backend{result: health.Result{Status: health.Healthy}})
	require.NoError(t, err)
	becomes(t, sdk.Health(), "sink", health.Healthy)
	require.NoError(t, sdk.Shutdown(t.Context()))

	got := describe(t, c.newest())
	assert.Subset(t, got["eventflux.health.status {check} updown"], []string{
		"{eventflux.health.check=overall eventflux.health.state=shutting_down} 1",
		"{eventflux.health.check=overall eventflux.health.state=healthy} 0",
		"{eventflux.health.check=sink eventflux.health.state=healthy} 1",
	})
	assert.Equal(t, []string{"{} 0"}, got["eventflux.health.ready {engine} updown"])
	assert.Equal(t, health.ShuttingDown, sdk.Health().Status())
	assert.False(t, sdk.Health().Live())
}

func TestHealthWorksWithoutExport(t *testing.T) {
	var local locked
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off}, telemetry.WithLogWriter(&local))
	require.NoError(t, err)
	_, err = sdk.Health().Register("sink", &backend{result: health.Result{Status: health.Unhealthy, Message: "no route"}})
	require.NoError(t, err)
	becomes(t, sdk.Health(), health.Overall, health.Unhealthy)
	require.NoError(t, sdk.Shutdown(t.Context()))
	assert.Contains(t, local.String(), "health check sink is unhealthy, was unknown: no route")
	assert.Equal(t, health.ShuttingDown, sdk.Health().Status())
}

func TestAPanickingCheckIsReported(t *testing.T) {
	var failures locked
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off}, telemetry.WithLogWriter(&locked{}),
		telemetry.WithErrorHandler(func(err error) { _, _ = failures.Write([]byte(err.Error())) }))
	require.NoError(t, err)
	_, err = sdk.Health().Register("sink", health.CheckFunc(func(context.Context) health.Result { panic("torn down") }))
	require.NoError(t, err)
	becomes(t, sdk.Health(), "sink", health.Unhealthy)
	require.NoError(t, sdk.Shutdown(t.Context()))
	assert.Equal(t, "could not run health check sink: panic: torn down", failures.String())
}

func TestShutdownNamesTheCheckThatDoesNotEnd(t *testing.T) {
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off})
	require.NoError(t, err)
	let := make(chan struct{})
	_, err = sdk.Health().Register("sink", health.CheckFunc(func(context.Context) health.Result {
		<-let
		return health.Result{}
	}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, sdk.Shutdown(ctx), "still running: sink")
	close(let)
	require.NoError(t, sdk.Health().Close(t.Context()))
}

// locked is a buffer that several goroutines write to.
type locked struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
