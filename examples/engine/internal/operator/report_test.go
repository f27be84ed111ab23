// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// reported is what one query of a test has told the SDK.
type reported struct {
	metric.Exporter // unset: only the methods below are called

	sdk    *telemetry.SDK
	query  *telemetry.Query
	worker *telemetry.Worker
	totals map[string]int64 // by metric and the values of its attributes, without query.id
	spans  map[string]int   // by name
}

func report(t *testing.T) *reported {
	t.Helper()
	r := &reported{totals: map[string]int64{}, spans: map[string]int{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level = telemetry.Detail
	cfg.Metrics.Interval = time.Hour
	sdk, err := telemetry.Start(context.Background(), cfg,
		telemetry.WithExporters(telemetry.Exporters{Spans: (*spansOf)(r), Metrics: r, Logs: unlogged{}}), telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	r.sdk, r.query = sdk, sdk.App("test").Query("q")
	r.query.Errors(ErrorExpression, ErrorLateEvent, ErrorPairLimit, ErrorPartitionLimit, ErrorFutureEvent)
	r.worker = r.query.Worker()
	t.Cleanup(func() { _ = sdk.Shutdown(context.Background()) })
	return r
}

func (r *reported) handles(op Operator) Handles {
	return Handles{Query: r.query, Worker: r.worker, Operator: r.query.Operator(op.Kind(), op.Kind()+"_1")}
}

// process is a batch of its own.
func (r *reported) process(op Operator, in *event.Batch) *event.Batch {
	b := r.worker.Begin(context.Background(), telemetry.Arrival{Count: in.Len(), Stream: in.Schema.Stream})
	defer b.End()
	return op.Process(b, in)
}

func (r *reported) flush(t *testing.T) map[string]int64 {
	t.Helper()
	if err := r.sdk.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return maps.Clone(r.totals)
}

func (r *reported) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (r *reported) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (r *reported) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					key := m.Name
					for _, kv := range p.Attributes.ToSlice() {
						if kv.Key != "query.id" {
							key += " " + kv.Value.AsString()
						}
					}
					r.totals[key] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					r.totals[m.Name] = int64(p.Count)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					r.totals[m.Name] = int64(p.Value * 1000)
				}
			}
		}
	}
	return nil
}

func (*reported) ForceFlush(context.Context) error { return nil }
func (*reported) Shutdown(context.Context) error   { return nil }

type spansOf reported

func (r *spansOf) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		r.spans[s.Name()]++
	}
	return nil
}
func (*spansOf) Shutdown(context.Context) error { return nil }

type unlogged struct{}

func (unlogged) Export(context.Context, []sdklog.Record) error { return nil }
func (unlogged) ForceFlush(context.Context) error              { return nil }
func (unlogged) Shutdown(context.Context) error                { return nil }

// plain is a row as a test writes it: stream, time, columns.
type plain struct {
	stream string
	at     int64
	values []int64
}

// batches cuts rows into batches of at most size, one stream each.
func batches(schemas map[string]*event.Schema, rows []plain, size int) (out []*event.Batch) {
	for _, p := range rows {
		if n := len(out); n == 0 || out[n-1].Schema.Stream != p.stream || out[n-1].Len() == size {
			out = append(out, event.NewBatch(schemas[p.stream], size))
		}
		r := out[len(out)-1].Append()
		r.SetTime(p.at)
		for i, v := range p.values {
			r.SetInt(i, v)
		}
	}
	return out
}

// words are the rows of b, copied.
func words(b *event.Batch) (out [][]int64) {
	for i := range b.Len() {
		var row []int64
		for _, w := range b.Row(i) {
			row = append(row, int64(w))
		}
		out = append(out, row)
	}
	return out
}

func same(a, b [][]int64) bool {
	return slices.EqualFunc(a, b, slices.Equal[[]int64])
}
