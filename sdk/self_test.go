// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// self returns the points of one metric about telemetry itself.
func self(t *testing.T, c *collector, name string) []string {
	t.Helper()
	m := c.newest()["eventflux.telemetry."+name]
	require.NotNil(t, m, name)
	return points(t, m.GetSum().DataPoints)
}

func TestTheSDKSaysWhatItSentLostAndHid(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{
		Traces:  telemetry.Traces{PerQuery: 1, Total: 1},
		Metrics: telemetry.Metrics{MaxSeriesPerMetric: 1},
		Logging: telemetry.Logging{PerSite: 20},
	}, telemetry.WithLogWriter(failingWriter{}), telemetry.WithErrorHandler(func(error) {}))
	app := sdk.App("orders")
	q := app.Query("q1")
	q.BufferFunc(func() float64 { panic("torn down") })
	app.Query("q2")
	w := q.Worker()
	for range 3 {
		b := w.Begin(context.Background(), telemetry.Arrival{Count: 1})
		s := b.Span(telemetry.StageFilter)
		s.Fail(brokenError{})
		s.End()
		b.End()
	}
	for range 22 {
		sdk.Logger().Info("password=hunter2") // twice withheld
	}
	w.Close()
	_ = sdk.ForceFlush(t.Context()) // what leaves with it is counted by the next
	_ = sdk.ForceFlush(t.Context())

	assert.Subset(t, self(t, c, "sampling.decisions"), []string{
		"{eventflux.sampling.decision=recorded} 1", "{eventflux.sampling.decision=skipped} 2", "{eventflux.sampling.decision=late_slow} 0",
	})
	assert.Subset(t, self(t, c, "series.overflowed"), []string{"{eventflux.metric.name=query.latency} 1"})
	assert.Subset(t, self(t, c, "series.active"), []string{"{eventflux.metric.name=query.latency} 1"})
	assert.Subset(t, self(t, c, "items.exported"), []string{"{eventflux.signal=traces result=success} 2", "{eventflux.signal=logs result=failure} 0"})
	assert.Contains(t, self(t, c, "items.dropped"), "{eventflux.drop.reason=queue_full eventflux.signal=traces} 0")
	assert.NotContains(t, self(t, c, "items.dropped"), "{eventflux.drop.reason=export_failed eventflux.signal=local_log} 0")
	assert.Subset(t, self(t, c, "panics.recovered"), []string{"{eventflux.panic.site=callback} 2", "{eventflux.panic.site=span} 1"})
	assert.Equal(t, []string{"{} 2"}, self(t, c, "logs.suppressed"))
	assert.Subset(t, self(t, c, "values.redacted"), []string{"{eventflux.signal=logs} 20"})
	assert.Positive(t, c.newest()["eventflux.telemetry.export.duration"].GetHistogram().DataPoints[0].Count)
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

type brokenError struct{}

func (brokenError) Error() string { panic("torn down") }
