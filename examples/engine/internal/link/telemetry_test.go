// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// points keeps the latest value of every counter, and the count of every histogram, by name and attribute values.
type points struct {
	metric.Exporter // unset: only the methods below are called

	of map[string]float64
}

func (points) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (points) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (p points) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			keep := func(set attribute.Set, v float64) {
				key := one.Name
				for _, kv := range set.ToSlice() {
					key += " " + kv.Value.AsString()
				}
				p.of[key] = v
			}
			switch data := one.Data.(type) {
			case metricdata.Sum[int64]:
				for _, d := range data.DataPoints {
					keep(d.Attributes, float64(d.Value))
				}
			case metricdata.Histogram[float64]:
				for _, d := range data.DataPoints {
					keep(d.Attributes, float64(d.Count))
				}
			case metricdata.Gauge[float64]:
				for _, d := range data.DataPoints {
					keep(d.Attributes, d.Value)
				}
			}
		}
	}
	return nil
}

func (points) ForceFlush(context.Context) error { return nil }
func (points) Shutdown(context.Context) error   { return nil }

// noLogs is an exporter of logs that keeps none.
type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

// instrument starts an SDK and returns what flushes it.
func instrument(t *testing.T) (app *telemetry.App, spans *tracetest.InMemoryExporter, flush func() map[string]float64) {
	t.Helper()
	spans, p := tracetest.NewInMemoryExporter(), points{of: map[string]float64{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level, cfg.Metrics.Interval = telemetry.Detail, time.Hour
	sdk, err := telemetry.Start(context.Background(), cfg,
		telemetry.WithExporters(telemetry.Exporters{Spans: spans, Metrics: p, Logs: noLogs{}}), telemetry.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.Shutdown(context.Background()) })
	return sdk.App("app"), spans, func() map[string]float64 {
		if err := sdk.ForceFlush(context.Background()); err != nil {
			t.Error(err)
		}
		return p.of
	}
}

func TestTheTraceAndItsBaggageGoOnAtTheReceiver(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		app, spans, flush := instrument(t)
		s, err := Listen("127.0.0.1:0", protocol, app)
		if err != nil {
			t.Fatal(err)
		}
		var got context.Context
		s.Accept(results.Stream, results, &event.Symbols{}, func(_ context.Context, m junction.Message, _ string, _ uint64) (bool, error) {
			got = m.Ctx //nolint:fatcontext // kept to be looked at
			return false, nil
		})
		run(t, s)
		p, err := Dial(protocol, s.Addr(), app)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		names := &event.Symbols{}
		c := p.Client("a", results, names)

		state, _ := trace.ParseTraceState("vendor=1")
		tenant, _ := baggage.NewMemberRaw("tenant", "x y")
		bag, _ := baggage.New(tenant)
		origin := trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, TraceState: state,
		})
		_ = c.Format(rows(names, 0, 3))
		if flush()["eventflux.transport.queue.depth "+protocol] != 1 {
			t.Error("no message waits to be sent")
		}
		if _, err := c.Send(baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), origin), bag)); err != nil {
			t.Fatal(err)
		}
		sc := trace.SpanContextFromContext(got)
		if sc.TraceID() != origin.TraceID() || !sc.IsSampled() || sc.TraceState().String() != "vendor=1" {
			t.Errorf("the rows came with %v", sc)
		}
		if v := baggage.FromContext(got).Member("tenant").Value(); v != "x y" {
			t.Errorf("baggage tenant = %q", v)
		}
		if got.Err() != nil {
			t.Error("the context of the rows ended with their request")
		}
		if _, err := p.Beat(t.Context(), "a", &linkpb.Heartbeat{}); err == nil { // and no trace
			t.Error("a heartbeat was answered without a cluster")
		}
		all := flush()
		parents := map[string]trace.SpanID{}
		ids := map[string]trace.SpanID{}
		for _, span := range spans.GetSpans() {
			parents[span.Name], ids[span.Name] = span.Parent.SpanID(), span.SpanContext.SpanID()
		}
		if parents["transport.send event"] != origin.SpanID() || parents["transport.receive event"] != ids["transport.send event"] ||
			sc.SpanID() != ids["transport.receive event"] {
			t.Errorf("the spans are not one below the other: %v", parents)
		}
		want := map[string]float64{
			"eventflux.transport.messages out event " + protocol: 1, "eventflux.transport.messages in event " + protocol: 1,
			"eventflux.transport.messages out heartbeat " + protocol: 1, "eventflux.transport.context.injected " + protocol: 1,
			"eventflux.transport.context.extracted " + protocol + " success": 1, "eventflux.transport.queue.depth " + protocol: 0,
			"eventflux.transport.errors Unimplemented in " + protocol: 1, "eventflux.transport.errors Unimplemented out " + protocol: 1,
			"eventflux.transport.send.duration " + protocol + " success": 1, "eventflux.source.events.received " + protocol + " Results": 3,
			"connections.active " + protocol: 2, "connections " + protocol + " success": 2,
			"eventflux.connection.handshake.duration " + protocol + " success": 1,
			"eventflux.source.connected " + protocol + " Results":              1,
		}
		if protocol == TCP {
			want["eventflux.connection.pool.size tcp"] = 1
		}
		check(t, all, want)
		_ = p.Close()
		if protocol == TCP {
			all := flush()
			check(t, all, map[string]float64{"eventflux.connection.pool.size tcp": 0, "connection.errors reset tcp": 0})
			if all["eventflux.connection.duration tcp"] == 0 {
				t.Error("no connection is known to have lasted")
			}
		}
	})
}

func check(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for key, w := range want {
		if g, ok := got[key]; !ok || g != w {
			t.Errorf("%s = %v (exported: %v), want %v", key, g, ok, w)
		}
	}
	if t.Failed() {
		for key := range got {
			if strings.Contains(key, "transport") || strings.Contains(key, "connection") || strings.Contains(key, "source") {
				t.Log(key, got[key])
			}
		}
	}
}

func TestAnUnreadableContextIsCountedAndCostsNoRow(t *testing.T) {
	app, _, flush := instrument(t)
	m := newMeter(app, TCP, "in")
	for _, bad := range []*linkpb.Message{
		{SpanContext: []byte("short")}, {SpanContext: make([]byte, 26)}, {Headers: map[string]string{"traceparent": "00-x"}},
	} {
		if ctx := m.received(bad); trace.SpanContextFromContext(ctx).IsValid() {
			t.Errorf("%v brought a trace", bad)
		}
	}
	m.received(&linkpb.Message{})
	check(t, flush(), map[string]float64{"eventflux.transport.context.extracted tcp failure": 3})
}

func TestAMalformedFrameIsCounted(t *testing.T) {
	app, _, flush := instrument(t)
	s, err := Listen("127.0.0.1:0", TCP, app)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_, _ = io.ReadAll(c) // until it is closed
	check(t, flush(), map[string]float64{"connection.errors malformed tcp": 1, "eventflux.transport.errors InvalidArgument in tcp": 1})
}
