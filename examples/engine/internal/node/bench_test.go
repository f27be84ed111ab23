// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// nowhere is a sink in the place of the link.
type nowhere struct{}

func (nowhere) Type() string                      { return "none" }
func (nowhere) Target() string                    { return "nowhere" }
func (nowhere) Advice() string                    { return "" }
func (nowhere) Format(*event.Batch) error         { return nil }
func (nowhere) Send(context.Context) (int, error) { return 0, nil }
func (nowhere) Finish(context.Context) error      { return nil }
func (nowhere) Close() error                      { return nil }

// BenchmarkNodeA moves generated trades through filter, tumbling window and
// timer window, without telemetry. One iteration is one event.
func BenchmarkNodeA(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Rate, cfg.Events, cfg.Window = 0, int64(b.N), 100*time.Millisecond
	a, err := newA(newApp(telemetry.Noop(), cfg), nowhere{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := a.Run(context.Background(), context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	defer func() { _ = a.Close() }()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if got := a.Totals().Queries["price_filter"].Processed; got != int64(b.N) {
		b.Fatalf("processed %d of %d", got, b.N)
	}
}
