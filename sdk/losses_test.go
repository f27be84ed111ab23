// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// records keeps what reaches the log exporter.
type records struct {
	sdklog.Exporter

	got []sdklog.Record
}

func (r *records) Export(_ context.Context, batch []sdklog.Record) error {
	for _, record := range batch {
		r.got = append(r.got, record.Clone())
	}
	return nil
}
func (*records) ForceFlush(context.Context) error { return nil }
func (*records) Shutdown(context.Context) error   { return nil }

func TestWhatIsHiddenAndWithheldIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans, logged := tracetest.NewInMemoryExporter(), &records{}
		sdk, err := Start(t.Context(), Config{Logging: Logging{PerSite: 2}}, WithEndpoint("http://127.0.0.1:1"), WithMetricInterval(time.Hour),
			WithLogWriter(io.Discard), WithErrorHandler(func(error) {}), WithExporters(Exporters{Spans: spans, Logs: logged}),
			WithResourceAttributes(attribute.String("db.password", "x")))
		require.NoError(t, err)
		for range 5 {
			sdk.Logger().Info("m", "password", "x", "url", "redis://:y@h")
		}
		q := sdk.App("orders").Query("q1")
		q.Input("redis://:y@h")
		b := q.Worker().Begin(t.Context(), Arrival{Count: 1, Stream: "In"})
		b.Span(StageFilter, attribute.String("token", "x")).End()
		b.End()
		require.NoError(t, sdk.providers.traces.ForceFlush(t.Context()))
		require.NoError(t, sdk.providers.logs.ForceFlush(t.Context()))
		assert.Len(t, logged.got, 2)
		assert.Equal(t, uint64(3), sdk.losses.suppressed.Load())
		assert.Equal(t, uint64(2*2+1), sdk.losses.redacted.logs.Load(), "two records and the resource; nothing twice")
		assert.Equal(t, uint64(1+1), sdk.losses.redacted.traces.Load(), "a span and the resource")
		assert.Equal(t, uint64(1+1), sdk.losses.redacted.metrics.Load(), "a series and the resource")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_ = sdk.Shutdown(ctx) // the metric exporter has nobody to talk to
	})
}

func TestAStoppedReaderOfTheLogBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		var failures atomic.Int64
		sdk, err := Start(t.Context(), Config{Level: Off, Logging: Logging{PerSite: -1}}, WithLogWriter(writer), WithErrorHandler(func(error) { failures.Add(1) }))
		require.NoError(t, err)
		began := time.Now()
		text := strings.Repeat("x", 1<<10)
		const lines = 2 * maxWaiting >> 10
		for range lines {
			sdk.Logger().Info("m", "text", text)
		}
		assert.Zero(t, time.Since(began), "nobody waited")
		synctest.Wait()
		dropped := sdk.losses.dropped.full.Load()
		assert.Greater(t, dropped, uint64(lines/2))
		assert.Equal(t, int64(1), failures.Load(), "said once")

		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, sdk.ForceFlush(ctx), context.DeadlineExceeded)
		require.ErrorContains(t, sdk.Shutdown(ctx), "of the local log in time")
		assert.Equal(t, 100*time.Millisecond, time.Since(began))

		require.NoError(t, reader.Close()) // every write fails from now on
		synctest.Wait()
		assert.Equal(t, uint64(lines), dropped+sdk.losses.dropped.failed.Load(), "every line is accounted for")
	})
}

func TestAFailingLogIsReportedAndCounted(t *testing.T) {
	full := errors.New("no space left on device")
	var last atomic.Value
	sdk, err := Start(t.Context(), Config{Level: Off}, WithLogWriter(failingWriter{full}), WithErrorHandler(func(err error) { last.Store(err) }))
	require.NoError(t, err)
	sdk.Logger().Info("m")
	require.NoError(t, sdk.ForceFlush(t.Context()))
	require.ErrorIs(t, last.Load().(error), full)
	assert.Equal(t, uint64(1), sdk.losses.dropped.failed.Load())
	require.NoError(t, sdk.Shutdown(t.Context()))
	sdk.Logger().Info("goodbye")
	require.NoError(t, sdk.local.flush(t.Context()))
	assert.Equal(t, uint64(2), sdk.losses.dropped.failed.Load(), "a writer that is not ours may be written to after Shutdown")
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestALineAfterShutdownIsNotWrittenToAClosedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	sdk, err := Start(t.Context(), Config{Level: Off, Logging: Logging{Output: path}}, WithErrorHandler(func(err error) { t.Error(err) }))
	require.NoError(t, err)
	sdk.Logger().Log(t.Context(), slog.LevelError, "last words")
	require.NoError(t, sdk.Shutdown(t.Context()))
	sdk.Logger().Info("late")
	assert.Equal(t, uint64(1), sdk.losses.dropped.closed.Load())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(text), "\n"))
	assert.Contains(t, string(text), "last words")
}

func TestALogFileThatCannotBeOpenedLeavesStdout(t *testing.T) {
	sdk, err := Start(t.Context(), Config{Level: Off, Logging: Logging{Output: filepath.Join(t.TempDir(), "missing", "engine.log")}})
	require.ErrorContains(t, err, "give stdout, stderr or a writable path as log output: could not open the log file")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, sdk.Shutdown(t.Context()))
}
