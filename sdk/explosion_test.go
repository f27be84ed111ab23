// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// An engine that makes a query of every user, never closes one, and has no collector, must not die of it.
func TestAMillionQueryIDsAndADeadCollectorNeedBoundedMemory(t *testing.T) {
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Metrics: telemetry.Metrics{Interval: 100 * time.Millisecond}},
		telemetry.WithEndpoint("http://127.0.0.1:1"), telemetry.WithLogWriter(t.Output()), telemetry.WithErrorHandler(func(error) {}))
	require.NoError(t, err)
	app := sdk.App("orders")
	explode := func(from, to int) uint64 {
		for i := from; i < to; i++ {
			q := app.Query(fmt.Sprint("user-", i))
			in := q.Input("In")
			b := q.Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
			b.Processed(in, 1)
			b.End()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc >> 20
	}
	full := explode(0, 50_000) // past every limit
	after := explode(50_000, 1_000_000)
	t.Logf("heap: %d MiB after 50 thousand ids, %d MiB after a million", full, after)
	assert.Less(t, after, full+32)
	assert.Less(t, after, uint64(256))
	runtime.KeepAlive(app)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	_ = sdk.Shutdown(ctx)
	assert.Less(t, time.Since(began), 5*time.Second)
}
