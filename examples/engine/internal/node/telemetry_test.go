// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// recorder keeps what a node reports, beyond the shutdown of its SDK.
type recorder struct {
	spans  tracetest.SpanStubs
	totals map[string]int64 // by metric name and attribute values
	closed bool             // no more metrics: what follows is the end of every series
}

func (r *recorder) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.spans = append(r.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (r *recorder) Shutdown(context.Context) error { return nil }

// metrics is the recorder as an exporter of metrics.
type metrics struct {
	metric.Exporter // unset: only the methods below are called

	r *recorder
}

func (metrics) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (metrics) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (m metrics) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	if m.r.closed {
		return nil
	}
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			sum, ok := one.Data.(metricdata.Sum[int64])
			if !ok {
				continue
			}
			for _, p := range sum.DataPoints {
				key := one.Name
				for _, kv := range p.Attributes.ToSlice() {
					key += " " + kv.Value.AsString()
				}
				m.r.totals[key] = p.Value
			}
		}
	}
	return nil
}

func (metrics) ForceFlush(context.Context) error { return nil }
func (metrics) Shutdown(context.Context) error   { return nil }

// noLogs is an exporter of logs that keeps none.
type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

func startTelemetry(t *testing.T) (*telemetry.SDK, *recorder) {
	t.Helper()
	r := &recorder{totals: map[string]int64{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level = telemetry.Detail
	cfg.Metrics.Interval = time.Hour // only the last export counts
	sdk, err := telemetry.Start(context.Background(), cfg,
		telemetry.WithExporters(telemetry.Exporters{Spans: r, Metrics: metrics{r: r}, Logs: noLogs{}}),
		telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return sdk, r
}

// replayWithTelemetry runs both nodes and returns what each reported.
func replayWithTelemetry(t *testing.T) (onA, onB *recorder, want expected) {
	t.Helper()
	cfg := testConfig(t)
	path, bars := writeBars(t, wholeFile)
	cfg.Replay = path
	sdkA, onA := startTelemetry(t)
	sdkB, onB := startTelemetry(t)
	b, err := NewB(sdkB, cfg)
	if err != nil {
		t.Fatal(err)
	}
	runB := start(b.Run)
	cfg.Peer = b.Addr()
	a, err := NewA(sdkA, cfg)
	if err != nil {
		t.Fatal(err)
	}
	start(a.Run).wait(t)
	runB.stop()
	runB.wait(t)
	ctx := context.Background()
	sdks := []*telemetry.SDK{sdkA, sdkB}
	for _, sdk := range sdks { // before the handles close, which ends their series
		if err := sdk.ForceFlush(ctx); err != nil {
			t.Error(err)
		}
	}
	onA.closed, onB.closed = true, true
	closeAll(t, a, b)
	for _, sdk := range sdks {
		if err := sdk.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
	return onA, onB, compute(bars, cfg.Window, cfg.Sliding.Count, cfg.Threshold)
}

func TestTelemetryTellsWhatTheEngineDid(t *testing.T) {
	onA, onB, want := replayWithTelemetry(t)
	checkMetrics(t, "node A", onA, map[string]int64{
		"stream.events.received StockStream":                     wholeFile,
		"stream.events.sent StockStream":                         2 * wholeFile,
		"query.events.processed price_filter StockStream":        wholeFile,
		"query.events.emitted FilteredStream price_filter":       want.passed,
		"query.events.emitted AggregateStream stock_aggregation": want.aggregates,
		"stream.events.sent AggregateStream":                     want.aggregates,
		"query.execution.errors late_event stock_aggregation":    0,
		"stream.subscribers.active StockStream":                  2,
		"query.active.count":                                     3,
		"connections grpc success":                               1,
	})
	checkMetrics(t, "node B", onB, map[string]int64{
		"stream.events.received AggregateStream":            want.aggregates,
		"query.events.emitted EnrichedStream symbol_join":   want.joined,
		"query.events.processed price_alert EnrichedStream": want.joined,
		"query.events.emitted AlertStream price_alert":      want.alerts,
		"stream.events.sent AlertStream":                    want.alerts,
		"query.active.count":                                2,
		"connections grpc success":                          1,
	})
	checkTrace(t, onA, onB)
	checkTimer(t, onA)
}

func checkMetrics(t *testing.T, node string, r *recorder, want map[string]int64) {
	t.Helper()
	for name, w := range want {
		if got, ok := r.totals[name]; !ok || got != w {
			t.Errorf("%s: %s = %d (exported: %v), want %d", node, name, got, ok, w)
		}
	}
}

// tree draws the spans below id, each once, in order of first appearance.
func tree(spans tracetest.SpanStubs, id trace.SpanID, path string, into map[string]bool) {
	for _, s := range spans {
		if s.Parent.SpanID() == id {
			at := strings.TrimPrefix(path+" > "+s.Name, " > ")
			into[at] = true
			tree(spans, s.SpanContext.SpanID(), at, into)
		}
	}
}

func checkTrace(t *testing.T, onA, onB *recorder) {
	t.Helper()
	byTrace := map[trace.TraceID]tracetest.SpanStubs{}
	for _, s := range append(onA.spans, onB.spans...) {
		byTrace[s.SpanContext.TraceID()] = append(byTrace[s.SpanContext.TraceID()], s)
	}
	const (
		filter = "query.execute price_filter"
		window = filter + " > query.execute stock_aggregation"
		emit   = window + " > output.emit AggregateStream"
		join   = emit + " > sink.send grpc > transport.send event > transport.receive event > query.execute symbol_join"
		alert  = join + " > query.execute price_alert"
	)
	want := []string{
		filter + " > event.ingest StockStream > source.read csv",
		filter + " > event.ingest StockStream > junction.send StockStream",
		filter + " > filter.process > expression.evaluate",
		filter + " > output.emit FilteredStream",
		window + " > window.process > window.accumulate",
		window + " > window.process > window.trigger",
		window + " > aggregation.process > aggregation.state.update",
		window + " > aggregation.process > aggregation.compute",
		emit + " > sink.format",
		join + " > event.ingest AggregateStream > source.read grpc",
		join + " > join.process",
		alert + " > window.process > window.accumulate",
		alert + " > output.emit AlertStream > sink.format",
		alert + " > output.emit AlertStream > sink.send file",
	}
	var best []string
	for _, spans := range byTrace {
		got := map[string]bool{}
		tree(spans, trace.SpanID{}, "", got)
		var missing []string
		for _, w := range want {
			if !got[w] {
				missing = append(missing, w)
			}
		}
		if len(missing) == 0 {
			return
		}
		if best == nil || len(missing) < len(best) {
			best = missing
		}
	}
	t.Errorf("no trace of %d is complete; the best one lacks\n%s", len(byTrace), strings.Join(best, "\n"))
}

func checkTimer(t *testing.T, onA *recorder) {
	t.Helper()
	for _, s := range onA.spans {
		if s.Name == "query.execute trade_rate" && len(s.Links) > 0 && !s.Parent.IsValid() {
			return
		}
	}
	t.Error("no window of trade_rate is a root with links to its batches")
}
