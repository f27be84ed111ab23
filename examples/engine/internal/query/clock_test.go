// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
)

// slow is a window that takes its time over every batch, and much time to close. It
// passes batches on if pass is set.
type slow struct{ pass bool }

var _ operator.Windowed = slow{}

func (slow) Kind() string            { return "test" }
func (slow) WindowType() string      { return "test" }
func (slow) Duration() time.Duration { return 0 }
func (slow) Bytes() int64            { return 0 }
func (slow) Oldest() int64           { return math.MaxInt64 }
func (slow) Holds() bool             { return true }
func (slow) Bind(operator.Handles)   {}

func (slow) Close(telemetry.Batch, time.Time) *event.Batch {
	time.Sleep(time.Second)
	return nil
}

func (s slow) Process(_ telemetry.Batch, in *event.Batch) *event.Batch {
	time.Sleep(10 * time.Millisecond)
	if s.pass {
		return in
	}
	return nil
}

func TestTheEndOfABatchIsWhenTheNextOneIsTaken(t *testing.T) {
	const ms = 1e-3
	for name, pass := range map[string]bool{"with results": true, "without results": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, r := enginetest.Start(t)
				in, out := junction.New(app, enginetest.Stock, junction.Policy{}), junction.New(app, enginetest.Filtered, junction.Policy{})
				q, err := New(app, Config{
					ID: "q", From: []*junction.Queue{in.Subscribe(8)}, Into: out, Operators: []operator.Operator{slow{pass}},
					Every: 15 * time.Millisecond, // due in the second batch, and again in the third
				})
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					publish(t, in)
				}
				in.Close()
				if err := q.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				// The batches wait for 0, 10 and 1020 ms.
				stream := enginetest.Stock.Stream
				r.Expect(t, map[string]float64{
					"eventflux.pipeline.queue.wait " + stream: 3, "eventflux.pipeline.queue.wait " + stream + " sum": 1030 * ms,
					"query.latency q": 5, "query.latency q sum": 3060 * ms, "eventflux.query.busy.time q": 2030 * ms,
				})
			})
		})
	}
}
