// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
)

// stuck is something that hangs until it is let go, as a writer and as a function of the host.
type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) { <-s; return len(p), nil }
func (s stuck) export(context.Context) error {
	<-s
	return nil
}

func TestForceFlushAndShutdownKeepTheirDeadlinesWhateverHangs(t *testing.T) {
	for name, hang := range map[string]func(t *testing.T, s stuck) []telemetry.Option{
		"exporters": func(_ *testing.T, s stuck) []telemetry.Option {
			e, _ := exporters(s.export)
			return []telemetry.Option{telemetry.WithExporters(e)}
		},
		"log writer": func(_ *testing.T, s stuck) []telemetry.Option { return []telemetry.Option{telemetry.WithLogWriter(s)} },
		"function":   func(*testing.T, stuck) []telemetry.Option { return nil },
		"check":      func(*testing.T, stuck) []telemetry.Option { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := make(stuck)
				healthy, _ := exporters(func(context.Context) error { return nil })
				sdk, err := telemetry.Start(t.Context(), telemetry.Config{}, append([]telemetry.Option{
					telemetry.WithExporters(healthy), telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(func(error) {}),
				}, hang(t, s)...)...)
				require.NoError(t, err)
				switch name {
				case "function":
					sdk.App("orders").Query("q0").BufferFunc(func() float64 { <-s; return 0 })
				case "check":
					_, err := sdk.Health().Register("sink", health.CheckFunc(func(context.Context) health.Result { <-s; return health.Result{} }))
					require.NoError(t, err)
				}
				work(t.Context(), sdk, 10)
				synctest.Wait()

				begun := time.Now()
				const deadline = 2500 * time.Millisecond // not in the very moment in which a function is given up
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				survived := name == "function" // it is left out, and all else is exported
				if err := sdk.ForceFlush(ctx); name != "check" && !survived {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
				assert.LessOrEqual(t, time.Since(begun), deadline)

				begun = time.Now()
				ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				first := sdk.Shutdown(ctx)
				assert.Equal(t, survived, first == nil, "%v after %v", first, time.Since(begun))
				assert.LessOrEqual(t, time.Since(begun), 3*time.Second)
				assert.Equal(t, first, sdk.Shutdown(t.Context()), "a second Shutdown answers what the first did")

				work(t.Context(), sdk, 10)
				close(s)
				synctest.Wait() // and the bubble ends only when all goroutines have
			})
		})
	}
}

func TestAnEndedContextShutsEverythingDownAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		closed := 0
		e := exporter{call: func(context.Context) error { mu.Lock(); defer mu.Unlock(); closed++; return nil }, calls: new(atomic.Int64)}
		sdk, err := telemetry.Start(t.Context(), telemetry.Config{}, telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(func(error) {}),
			telemetry.WithExporters(telemetry.Exporters{Spans: spanExporter{e}, Metrics: metricExporter{e}, Logs: logExporter{e}}))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, sdk.Shutdown(ctx))
		synctest.Wait()
		assert.GreaterOrEqual(t, closed, 3, "each exporter was shut down")
	})
}

func TestShutdownWhileTheEngineWorksIsSafe(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Level: telemetry.Detail}, telemetry.WithMetricInterval(time.Millisecond))
	var engine sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		engine.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					work(context.Background(), sdk, 5)
					_ = sdk.ForceFlush(context.Background())
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	results := make(chan error, 3)
	for range cap(results) {
		go func() { results <- sdk.Shutdown(ctx) }()
	}
	for range cap(results) {
		require.NoError(t, <-results)
	}
	work(t.Context(), sdk, 5)
	close(stop)
	engine.Wait()
}

func TestHandlesMadeAfterShutdownAreLegal(t *testing.T) {
	healthy, calls := exporters(func(context.Context) error { return nil })
	sdk, seen := startHost(t, telemetry.WithExporters(healthy))
	require.NoError(t, sdk.Shutdown(t.Context()))
	done := calls.Load()
	work(t.Context(), sdk, 100)
	_, op := sdk.Operation(t.Context(), telemetry.OperationCheckpoint)
	op.Fail(errors.New("too late"))
	op.End()
	_, err := sdk.Health().Register("late", health.CheckFunc(func(context.Context) health.Result { return health.Result{} }))
	require.Error(t, err)
	require.NoError(t, sdk.ForceFlush(t.Context()))
	assert.Equal(t, done, calls.Load(), "nothing is exported any more")
	assert.Empty(t, seen.all())
}
