// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

// quiet is an extension whose signals come from the test.
func quiet(minimum time.Duration) (e *healthExtension, raised *[]os.Signal) {
	cfg := newDefaultConfig().(*Config)
	cfg.Drain.Min = minimum
	e = newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	raised = new([]os.Signal)
	e.terminal.notify = func(chan<- os.Signal, ...os.Signal) {}
	e.terminal.forget = func(chan<- os.Signal) {}
	e.terminal.raise = func(s os.Signal) error { *raised = append(*raised, s); return nil }
	return e, raised
}

// held runs NotReady and returns how long it took.
func held(t *testing.T, e *healthExtension) time.Duration {
	t.Helper()
	begin := time.Now()
	require.NoError(t, e.NotReady())
	return time.Since(begin)
}

func TestNotReadyHoldsAfterSIGTERMOnly(t *testing.T) {
	tests := []struct {
		name   string
		min    time.Duration
		ready  bool
		signal os.Signal // nil: a reload
		want   time.Duration
	}{
		{"SIGTERM", 5 * time.Second, true, syscall.SIGTERM, 5 * time.Second},
		{"SIGINT", 5 * time.Second, true, os.Interrupt, 0},
		{"reload", 5 * time.Second, true, nil, 0},
		{"failed start", 5 * time.Second, false, nil, 0},
		{"disabled", 0, true, syscall.SIGTERM, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, _ := quiet(tt.min)
				if tt.ready {
					require.NoError(t, e.Ready())
				}
				if tt.signal != nil {
					e.terminal.heard <- tt.signal
					synctest.Wait()
				}
				assert.Equal(t, tt.want, held(t, e))
			})
		})
	}
}

func TestReadyDropsWithTheSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := quiet(5 * time.Second)
		require.NoError(t, e.Ready())
		assert.Empty(t, e.face().Ready().Reason)
		e.terminal.heard <- syscall.SIGTERM
		synctest.Wait()
		assert.Equal(t, "shutting down", e.face().Ready().Reason, "before the collector has reacted")
		assert.Equal(t, 5*time.Second, held(t, e))
	})
}

func TestASecondSignalCutsTheDrainShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := quiet(time.Hour)
		require.NoError(t, e.Ready())
		e.terminal.heard <- syscall.SIGTERM
		synctest.Wait()
		go func() {
			time.Sleep(3 * time.Second)
			e.terminal.heard <- syscall.SIGTERM
		}()
		assert.Equal(t, 3*time.Second, held(t, e))
	})
}

func TestASignalNobodyActsOnIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, raised := quiet(time.Hour)
		require.NoError(t, e.Ready())
		e.terminal.heard <- syscall.SIGTERM
		time.Sleep(handBackAfter + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []os.Signal{syscall.SIGTERM}, *raised)
		e.terminal.close()
	})
}

func TestShutdownBeforeStartAndTwice(t *testing.T) {
	e, _ := quiet(0)
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()))
}

// queueOf is a collector whose only queue has as much in it as size says at a time
// since it was made.
type queueOf struct {
	begin time.Time
	size  func(time.Duration) int64
}

func (q *queueOf) Collect(_ context.Context, rm *metricdata.ResourceMetrics) error {
	point := metricdata.DataPoint[int64]{
		Attributes: attribute.NewSet(attribute.String("exporter", "otlp_grpc"), attribute.String("data_type", "logs")),
		Value:      q.size(time.Since(q.begin)),
	}
	rm.ScopeMetrics = []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelcol_exporter_queue_size", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point}}},
	}}}
	return nil
}

func TestNotReadyWaitsForQueues(t *testing.T) {
	t.Cleanup(func() { selfmetrics.Offer(nil) })
	emptyAfter := func(d time.Duration) func(time.Duration) int64 {
		return func(age time.Duration) int64 {
			if age < d {
				return 7
			}
			return 0
		}
	}
	for _, tt := range []struct {
		name   string
		size   func(time.Duration) int64
		onDisk bool
		want   time.Duration
		says   string
	}{
		{"empty", emptyAfter(0), false, 5 * time.Second, "everything was delivered"},
		{"empty after a while", emptyAfter(8 * time.Second), false, 8 * time.Second, "everything was delivered"},
		{"never empty", emptyAfter(time.Hour), false, 25 * time.Second, "the longest time is over"},
		{"never empty, but on disk", emptyAfter(time.Hour), true, 5 * time.Second, "everything was delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, _ := quiet(5 * time.Second)
				core, logs := observer.New(zap.InfoLevel)
				e.set.Logger = zap.New(core)
				e.watched.Store(&watched{onDisk: map[string]bool{"otlp_grpc": tt.onDisk}})
				selfmetrics.Offer(&queueOf{time.Now(), tt.size})
				require.NoError(t, e.Ready())
				e.signalled(syscall.SIGTERM)
				assert.Equal(t, tt.want, held(t, e))

				last := logs.All()[logs.Len()-1]
				assert.Equal(t, tt.says, last.ContextMap()["drain"])
				if left, some := last.ContextMap()["otlp_grpc logs"]; tt.want == 25*time.Second {
					assert.Equal(t, int64(7), left)
					assert.Equal(t, zap.WarnLevel, last.Level)
				} else {
					assert.False(t, some)
				}
			})
		})
	}
}
