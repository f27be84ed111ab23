// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// moody is a pipeline that takes most requests, refuses some for a while and some
// for ever, and may hold all of them. What the receiver makes itself it takes.
type moody struct {
	took    [signalCount]atomic.Int64
	request atomic.Int64
	calm    bool          // refuses nothing
	entered chan int64    // items of each request that is held
	hold    chan struct{} // nil holds nothing
}

func (m *moody) take(ctx context.Context, of itemKind, items int) error {
	if client.FromContext(ctx).Addr == nil { // from no sender
		return nil
	}
	if m.hold != nil {
		m.entered <- int64(items)
		<-m.hold
	}
	switch m.request.Add(1) % 7 {
	case 3:
		if !m.calm {
			return errors.New("full for a while")
		}
	case 5:
		if !m.calm {
			return consumererror.NewPermanent(errors.New("not like this"))
		}
	}
	m.took[of].Add(int64(items))
	return nil
}

func (m *moody) sinks(t *testing.T) sinks {
	t.Helper()
	metrics, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
		return m.take(ctx, metricSignal, md.DataPointCount())
	})
	require.NoError(t, err)
	traces, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		return m.take(ctx, traceSignal, td.SpanCount())
	})
	require.NoError(t, err)
	logs, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
		return m.take(ctx, logSignal, ld.LogRecordCount())
	})
	require.NoError(t, err)
	return sinks{metrics, traces, logs}
}

// crowd sends what engines and others send: what meets the conventions, what
// breaks them, what comes twice, what is said of engines, and goodbyes.
type crowd struct {
	sent     [signalCount]atomic.Int64
	rejected [signalCount]atomic.Int64 // as the senders are told
}

// instance draws an engine of a sender. That of sender 0 is its own, so that the
// receiver knows it better than any report.
func instance(sender int, r *rand.Rand) string {
	if sender == 0 {
		return "own"
	}
	return fmt.Sprint(r.IntN(5))
}

func (c *crowd) metrics(sender int, r *rand.Rand) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + r.IntN(2) {
		rm := md.ResourceMetrics().AppendEmpty()
		engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": instance(sender, r)}).ResourceMetrics().At(0).CopyTo(rm)
		metrics := rm.ScopeMetrics().At(0).Metrics()
		add := func(to pmetric.MetricSlice, name, unit, key, value string) {
			m := to.AppendEmpty()
			m.SetName(name)
			m.SetUnit(unit)
			m.SetEmptySum().SetIsMonotonic(true)
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.Sum().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			p.SetIntValue(int64(r.IntN(100)))
			p.Attributes().PutStr(key, value)
		}
		add(metrics, "eventflux.custom.things", "", "thing", "a")
		add(metrics, "query.latency", "ms", "query.id", "q")                    // wrong type and unit
		add(metrics, "query.execution.errors", "{error}", "query.id", "q")      // lacks error.type
		add(metrics, "eventflux.nonsense", "", "query.id", "q")                 // unknown
		add(metrics, "http.server.requests", "", "path", "/")                   // of other software
		add(metrics, "stream_events_total", "", "stream", "StockStream")        // a second time, by its older name
		again := rm.ScopeMetrics().AppendEmpty().Metrics()                      // a second scope
		add(again, "stream.events.received", "{event}", "stream.name", "Other") // another series
		add(again, "eventflux.custom.things", "", "thing", "a")                 // the same
		if r.IntN(3) == 0 {
			report := rm.ScopeMetrics().AppendEmpty()
			report.Scope().SetName(pulse.ScopeName)
			add(report.Metrics(), pulse.Up, "", "x", "y")
			add(report.Metrics(), pulse.LastSeenAge, "s", "x", "y")
		}
	}
	return md
}

func (c *crowd) spans(sender int, r *rand.Rand) ptrace.Traces {
	td, spans := spansOf(map[string]any{"service.name": "engine", "service.instance.id": instance(sender, r)})
	filterSpan(spans, byte(r.IntN(9)), byte(r.IntN(9)), byte(r.IntN(9)), "top")
	filterSpan(spans, byte(r.IntN(9)), byte(r.IntN(9)), byte(r.IntN(9)), "") // lacks query.id
	spans.AppendEmpty().SetName("GET /orders")
	return td
}

func (c *crowd) records(sender int, r *rand.Rand) plog.Logs {
	ld := halfWrongRecords()
	attrs := ld.ResourceLogs().At(0).Resource().Attributes()
	attrs.PutStr("service.name", "engine")
	attrs.PutStr("service.instance.id", instance(sender, r))
	if r.IntN(4) == 0 {
		ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty().SetEventName(pulse.EventDelete)
	}
	return ld
}

// send sends one request of each signal. What an error says is no matter here.
func (c *crowd) send(ctx context.Context, conn *grpc.ClientConn, sender int, r *rand.Rand) {
	md := c.metrics(sender, r)
	c.sent[metricSignal].Add(int64(md.DataPointCount()))
	if resp, err := pmetricotlp.NewGRPCClient(conn).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(md)); err == nil {
		c.rejected[metricSignal].Add(resp.PartialSuccess().RejectedDataPoints())
	}
	td := c.spans(sender, r)
	c.sent[traceSignal].Add(int64(td.SpanCount()))
	if resp, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td)); err == nil {
		c.rejected[traceSignal].Add(resp.PartialSuccess().RejectedSpans())
	}
	ld := c.records(sender, r)
	c.sent[logSignal].Add(int64(ld.LogRecordCount()))
	if resp, err := plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequestFromLogs(ld)); err == nil {
		c.rejected[logSignal].Add(resp.PartialSuccess().RejectedLogRecords())
	}
}

// books is what the receiver's own metrics say of one signal.
type books struct {
	received, inFlight                      int64
	accepted, refused, rejected, normalised int64
}

// gap is what has not become anything yet.
func (k books) gap() int64 { return k.received - k.accepted - k.refused - k.rejected - k.normalised }

func (b *bench) books(of itemKind) books {
	sum := func(name string, match ...attribute.KeyValue) (n int64) {
		m, err := b.tel.GetMetric(name)
		if err != nil { // nothing was counted yet
			return 0
		}
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			fits := true
			for _, want := range match {
				got, ok := p.Attributes.Value(want.Key)
				fits = fits && ok && got == want.Value
			}
			if own, _ := p.Attributes.Value("transport"); fits && own.AsString() != "internal" {
				n += p.Value
			}
		}
		return n
	}
	signal := attribute.String("signal", signalNames[of])
	items := [signalCount]string{"metric_points", "spans", "log_records"}[of]
	k := books{
		received: sum("otelcol_receiver_eventflux_items_received", signal),
		inFlight: sum("otelcol_receiver_eventflux_items_in_flight", signal),
		accepted: sum("otelcol_receiver_accepted_" + items),
		refused:  sum("otelcol_receiver_refused_" + items),
		rejected: sum("otelcol_receiver_eventflux_contract_rejected", signal),
	}
	if of == metricSignal {
		k.normalised = sum("otelcol_receiver_eventflux_contract_repaired", attribute.String("repair", "doubled")) +
			sum("otelcol_receiver_eventflux_points_unknown", attribute.String("done", "dropped")) +
			sum("otelcol_receiver_eventflux_reports_superseded")
	}
	return k
}

// Every item that came is accepted, refused, rejected, or taken out by a repair that
// counts it; and the pipeline got what was accepted.
func TestWhatCameIsWhatBecameOfIt(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"observe":  func(c *Config) { c.Contract.Mode = ModeObserve },
		"fix":      func(*Config) {},
		"fix drop": func(c *Config) { c.Contract.Unknown = UnknownDrop },
		"fix tag":  func(c *Config) { c.Contract.Unknown = UnknownTag },
		"reject":   func(c *Config) { c.Contract.Mode = ModeReject },
		"mixed": func(c *Config) {
			c.Contract.Rules = RulesConfig{UnknownName: ModeReject, MissingAttribute: ModeReject, WrongUnit: ModeObserve}
			c.Fairness = FairnessConfig{ItemsPerSecond: 50, Burst: 60}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.Engines.MetricsInterval = time.Millisecond // series end while others come
			cfg.Engines.ReconnectGrace = 0
			cfg.Traces.Window = time.Minute
			set(cfg)
			m, c := &moody{}, &crowd{}
			b := start(t, cfg, m.sinks(t))
			load := func(sender, requests int, begun func()) {
				r := rand.New(rand.NewPCG(uint64(requests), uint64(sender)))
				conn := dialAs(t, b.receiver.server.GRPCAddr.String(), sdkUserAgent)
				for i := range requests {
					c.send(t.Context(), conn, sender, r)
					if i == 9 {
						begun()
					}
					if i%20 == 19 { // engines end
						_ = conn.Close()
						conn = dialAs(t, b.receiver.server.GRPCAddr.String(), sdkUserAgent)
					}
				}
				_ = conn.Close()
			}
			var senders, begun sync.WaitGroup
			for sender := range 3 {
				senders.Go(func() { load(sender, 60, func() {}) })
			}
			senders.Wait()
			balanced := func(when string) {
				for of := range itemKind(signalCount) {
					k := b.books(of)
					assert.Zero(t, k.gap(), "%s of %s: %+v", signalNames[of], when, k)
					assert.Zero(t, k.inFlight, "%s of %s", signalNames[of], when)
					assert.Equal(t, m.took[of].Load(), k.accepted, "%s of %s", signalNames[of], when)
					assert.Positive(t, k.refused, "%s of %s", signalNames[of], when)
				}
			}
			balanced("at rest")
			assert.Positive(t, b.books(metricSignal).normalised)
			for of := range itemKind(signalCount) {
				assert.Equal(t, c.sent[of].Load(), b.books(of).received, signalNames[of])
			}
			if cfg.Contract.Mode == ModeReject {
				assert.Positive(t, c.rejected[logSignal].Load())
			}

			begun.Add(3)
			for sender := range 3 {
				senders.Go(func() { load(sender, 100, begun.Done) })
			}
			begun.Wait()
			assert.NoError(t, b.receiver.Shutdown(context.Background()))
			senders.Wait() // in vain, from then on
			balanced("at shutdown")
		})
	}
}

// Under load the books differ by what is in flight, and by nothing else.
func TestWhatIsMissingInTheBooksIsInFlight(t *testing.T) {
	cfg := testConfig()
	const senders = 4
	m, c := &moody{entered: make(chan int64), hold: make(chan struct{})}, &crowd{}
	m.calm = true
	b := start(t, cfg, m.sinks(t))
	var done sync.WaitGroup
	for sender := range senders {
		conn := b.dial(t)
		done.Go(func() { c.send(t.Context(), conn, sender, rand.New(rand.NewPCG(1, uint64(sender)))) })
	}
	for of := range itemKind(signalCount) { // each sender's requests come one after the other
		var held int64
		for range senders {
			held += <-m.entered
		}
		k := b.books(of)
		assert.Equal(t, held, k.gap(), signalNames[of])
		assert.LessOrEqual(t, k.gap(), k.inFlight, signalNames[of])
		for range senders {
			m.hold <- struct{}{}
		}
	}
	done.Wait()
	for of := range itemKind(signalCount) {
		assert.Zero(t, b.books(of).gap()+b.books(of).inFlight, signalNames[of])
	}
}

func TestAnEngineHasAnAccount(t *testing.T) {
	cfg := testConfig()
	cfg.Contract.Mode = ModeReject
	p := &pipeline{}
	b := start(t, cfg, p.sinks(t))
	ctx, from := t.Context(), server.Origin{Transport: server.GRPC}
	two := func() pmetric.Metrics { // of two engines, through an agent
		md := halfWrongMetrics()
		other := engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "b"})
		metrics := other.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		metrics.At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		metrics.RemoveIf(func(m pmetric.Metric) bool { return m.Name() != "query.active.count" })
		other.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
		return md
	}
	_, err := b.receiver.consumeMetrics(ctx, from, two()) // one rejected, two accepted
	require.NoError(t, err)
	_, err = b.receiver.consumeTraces(ctx, from, halfWrongSpans()) // one rejected, one accepted
	require.NoError(t, err)
	p.refuse(errors.New("full"))
	_, err = b.receiver.consumeMetrics(ctx, from, two())
	require.Error(t, err)
	md := pmetric.NewMetrics() // of nobody who is an engine
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	_, err = b.receiver.consumeMetrics(ctx, from, md)
	require.Error(t, err)

	got := map[string]engineview.Items{}
	for _, e := range b.health.registered()[0].Engines(time.Now()) {
		got[e.InstanceID] = e.Items
	}
	assert.Equal(t, map[string]engineview.Items{
		"a": {Accepted: 2, Refused: 1, Rejected: 3},
		"b": {Accepted: 1, Refused: 1},
	}, got)
}
