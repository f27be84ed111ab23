// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/internal/intake"
	"github.com/eventflux-io/eventflux-otel/internal/selfmetrics"
)

// quiet is an extension whose signals come from the test.
func quiet(minimum time.Duration) (e *healthExtension, raised *[]os.Signal) {
	cfg := newDefaultConfig().(*Config)
	cfg.Drain.Min = minimum
	e = newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	raised = new([]os.Signal)
	e.terminal = quietTerminal()
	e.terminal.raise = func(s os.Signal) error { *raised = append(*raised, s); return nil }
	return e, raised
}

// quietTerminal hears no signals.
func quietTerminal() *terminal {
	t := newTerminal()
	t.notify = func(chan<- os.Signal, ...os.Signal) {}
	t.forget = func(chan<- os.Signal) {}
	return t
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
	begin  time.Time
	size   func(time.Duration) int64
	traces int64 // that wait in tail_sampling
}

func (q *queueOf) Collect(_ context.Context, rm *metricdata.ResourceMetrics) error {
	point := metricdata.DataPoint[int64]{
		Attributes: attribute.NewSet(attribute.String("exporter", "otlp_grpc"), attribute.String("data_type", "logs")),
		Value:      q.size(time.Since(q.begin)),
	}
	rm.ScopeMetrics = []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "otelcol_exporter_queue_size", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point}}},
		{Name: "otelcol_processor_tail_sampling_new_trace_id_received", Data: metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: q.traces}}}},
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
				e.topology.Store(&outbound.Topology{OnDisk: map[string]bool{"otlp_grpc": tt.onDisk}})
				selfmetrics.Offer(&queueOf{begin: time.Now(), size: tt.size})
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

// sender is a component whose connections leave as soon as they are asked to, or never.
type sender struct {
	stays bool
	steps []intake.Step
	begin time.Time
	at    []time.Duration // of the first call with each step
}

func (s *sender) Leave(_ context.Context, step intake.Step) int64 {
	if len(s.steps) == 0 || s.steps[len(s.steps)-1] != step {
		s.steps = append(s.steps, step)
		s.at = append(s.at, time.Since(s.begin))
	}
	if s.stays {
		return 1
	}
	return 0
}

func TestReceiversAreToldHowFarTheEndHasCome(t *testing.T) {
	t.Cleanup(func() { selfmetrics.Offer(nil) })
	const s = time.Second
	for _, tt := range []struct {
		name  string
		stays bool
		queue int64
		want  time.Duration
		steps []intake.Step
		at    []time.Duration
	}{
		{"all leave", false, 0, 5 * s, []intake.Step{intake.NotReady, intake.LetGo}, []time.Duration{0, 5 * s}},
		{"one stays", true, 0, 6 * s, []intake.Step{intake.NotReady, intake.LetGo}, []time.Duration{0, 5 * s}},
		{"a queue that stays", false, 7, 25 * s, []intake.Step{intake.NotReady, intake.LetGo, intake.Refuse}, []time.Duration{0, 5 * s, 23 * s}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, _ := quiet(5 * time.Second)
				selfmetrics.Offer(&queueOf{begin: time.Now(), size: func(time.Duration) int64 { return tt.queue }})
				source := &sender{stays: tt.stays, begin: time.Now()}
				unregister := e.RegisterIntake(component.MustNewID("eventflux"), source)
				require.NoError(t, e.Ready())
				e.signalled(syscall.SIGTERM)
				assert.Equal(t, tt.want, held(t, e))
				assert.Equal(t, tt.steps, source.steps)
				assert.Equal(t, tt.at, source.at)
				unregister()
			})
		})
	}
}

func TestAReloadAsksNobodyToLeave(t *testing.T) {
	e, _ := quiet(5 * time.Second)
	source := &sender{begin: time.Now()}
	e.RegisterIntake(component.MustNewID("eventflux"), source)
	require.NoError(t, e.Ready())
	require.NoError(t, e.NotReady())
	assert.Empty(t, source.steps)
}

func TestWhatIsAbandonedIsLoggedWithCounts(t *testing.T) {
	t.Cleanup(func() { selfmetrics.Offer(nil) })
	synctest.Test(t, func(t *testing.T) {
		e, _ := quiet(time.Hour)
		core, logs := observer.New(zap.InfoLevel)
		e.set.Logger = zap.New(core)
		selfmetrics.Offer(&queueOf{begin: time.Now(), size: func(time.Duration) int64 { return 7 }, traces: 2})
		e.RegisterCardinality(component.MustNewID("cardinality_limit"), &holdingLimiter{})
		require.NoError(t, e.Ready())
		e.signalled(syscall.SIGTERM)
		e.signalled(syscall.SIGTERM)
		assert.Zero(t, held(t, e))
		last := logs.All()[logs.Len()-1]
		assert.Equal(t, zap.WarnLevel, last.Level)
		assert.Equal(t, "cut short by a further signal", last.ContextMap()["drain"])
		assert.Equal(t, int64(7), last.ContextMap()["otlp_grpc logs"])
		assert.Equal(t, int64(3), last.ContextMap()["held_points"])
		assert.Equal(t, int64(2), last.ContextMap()["undecided_traces"])
	})
}

// holdingLimiter holds three points that nobody takes.
type holdingLimiter struct{ fakeLimiter }

func (*holdingLimiter) Drain(context.Context) int { return 3 }

func TestWhatNoDrainEmptiesIsAWarningAtStart(t *testing.T) {
	e, _ := quiet(5 * time.Second)
	core, logs := observer.New(zap.WarnLevel)
	e.set.Logger = zap.New(core)
	require.NoError(t, e.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(confmap.NewFromStringMap(map[string]any{
		"service": map[string]any{"pipelines": map[string]any{"logs": map[string]any{"processors": []any{"batch"}}}},
	}), nil)))
	require.Equal(t, 1, logs.Len())
	assert.Contains(t, logs.All()[0].Message, "processors::batch in service::pipelines::logs")
}

func TestAllOfWhatIsShippedCanBeDrained(t *testing.T) {
	configs, err := filepath.Glob("../../configs/*.yaml")
	require.NoError(t, err)
	shipped := 0
	for _, path := range configs {
		config, err := confmaptest.LoadConf(path)
		require.NoError(t, err)
		if config.IsSet("service::pipelines") { // Prometheus' own is beside them
			shipped++
			assert.Empty(t, drain.Advice(config.ToStringMap(), "pipeline_health", newDefaultConfig().(*Config).Drain.Max), path)
		}
	}
	assert.Equal(t, 3, shipped)
}
