// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// replayWithTelemetry runs both nodes and returns what each reported.
func replayWithTelemetry(t *testing.T) (onA, onB *recorder, want expected) {
	t.Helper()
	s := testSetup(t)
	path, bars := writeBars(t, wholeFile)
	s.replay(path)
	sdkA, onA := startTelemetry(t)
	sdkB, onB := startTelemetry(t)
	b, runB := s.start(t, sdkB, "b")
	a, runA := s.start(t, sdkA, "a")
	runA.wait(t)
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
	return onA, onB, compute(bars, 24*time.Hour, 20, 0.05)
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
		"query.active.count":                                     5,
		"connections grpc success":                               2, // for events, for heartbeats

		"eventflux.operator.events.in filter_1 filter price_filter":       wholeFile,
		"eventflux.operator.events.out window_1 window stock_aggregation": want.aggregates,
		"eventflux.filter.events.dropped filter_1 filter price_filter":    wholeFile - want.passed,
		"eventflux.window.events.added stock_aggregation tumbling":        want.passed,
		"eventflux.window.events.retained stock_aggregation tumbling":     0,
		"eventflux.window.events.late dropped stock_aggregation tumbling": 0,
		"eventflux.source.events.received csv StockStream":                wholeFile,
		"eventflux.sink.events.sent grpc AggregateStream":                 want.aggregates,
		"eventflux.transport.messages out control grpc":                   1,
		"eventflux.apps.active running":                                   1,
		"eventflux.query.deployments success":                             5,
	})
	checkMetrics(t, "node B", onB, map[string]int64{
		"stream.events.received AggregateStream":            want.aggregates,
		"query.events.emitted EnrichedStream symbol_join":   want.joined,
		"query.events.processed price_alert EnrichedStream": want.joined,
		"query.events.emitted AlertStream price_alert":      want.alerts,
		"stream.events.sent AlertStream":                    3 * want.alerts, // the sink and two queries
		"query.active.count":                                7,
		"connections grpc success":                          2,

		"eventflux.join.matches inner symbol_join":              want.joined,
		"eventflux.join.misses left symbol_join":                want.aggregates - want.joined,
		"eventflux.window.triggers price_alert sliding":         want.joined,
		"eventflux.source.events.received grpc AggregateStream": want.aggregates,
		"eventflux.sink.events.sent file AlertStream":           want.alerts,
		"eventflux.transport.messages in control grpc":          1,
		"eventflux.table.rows.stored symbols memory":            27,
	})
	checkDeployment(t, onA, onB)
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

// checkDeployment looks for the trace that each node begins with.
func checkDeployment(t *testing.T, nodes ...*recorder) {
	t.Helper()
	for _, r := range nodes {
		i := slices.IndexFunc(r.spans, func(s tracetest.SpanStub) bool { return s.Name == "app.deploy" })
		if i < 0 {
			t.Error("no span app.deploy")
			continue
		}
		got := attribute.NewSet(r.spans[i].Attributes...)
		if want := attribute.NewSet(attribute.String("eventflux.app.name", "stock_alerts"), attribute.String("result", "success")); got != want {
			t.Errorf("the deployment says %v", got.ToSlice())
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
