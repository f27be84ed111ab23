// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// The tests in the files host_*_test.go say what the SDK does to its host when something around it is broken:
// nothing.

// reports collects what the SDK tells the error handler.
type reports struct {
	mu    sync.Mutex
	texts []string
}

func (r *reports) handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, err.Error())
}

func (r *reports) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.texts, "\n")
}

// startHost starts an SDK whose every interval is too long for the test, and shuts it down with the test.
func startHost(t *testing.T, opts ...telemetry.Option) (*telemetry.SDK, *reports) {
	t.Helper()
	seen := &reports{}
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Detail}, append([]telemetry.Option{
		telemetry.WithMetricInterval(time.Hour), telemetry.WithLogWriter(io.Discard), telemetry.WithErrorHandler(seen.handle),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = sdk.Shutdown(ctx)
	})
	return sdk, seen
}

// work does what an engine does with n batches of two events: counts, a stage, a log record with its batch, and an
// error that makes the batch a trace.
func work(ctx context.Context, sdk *telemetry.SDK, n int) {
	q := sdk.App("orders").Query("q1")
	in, out, w := q.Input("In"), q.Output("Out"), q.Worker()
	for i := range n {
		b := w.Begin(ctx, telemetry.Arrival{Count: 2, Stream: "In"})
		s := b.Span(telemetry.StageFilter)
		s.End()
		b.Processed(in, 2)
		b.Emitted(out, 1)
		w.Logger().InfoContext(b.Context(), "batch done", "number", i)
		if i%2 == 0 {
			b.Error("parse", context.DeadlineExceeded)
		}
		b.End()
	}
	q.Close()
}

// exportsOf returns the points of the newest export of the named metrics, summed.
func exportsOf(t *testing.T, c *collector, names ...string) map[string]float64 {
	t.Helper()
	sums := make(map[string]float64)
	newest := c.newest()
	for _, name := range names {
		m := newest[name]
		if !assert.NotNil(t, m, name) {
			continue
		}
		for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
			sums[name] += p.GetAsDouble() + float64(p.GetAsInt())
		}
	}
	return sums
}
