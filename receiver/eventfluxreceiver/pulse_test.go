// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// page stands for what a Prometheus exporter behind the receiver shows: the last
// value of each series, by instance, name and state.
type page struct {
	mu     sync.Mutex
	series map[string]float64
	next   func(pmetric.Metrics) // what is behind it, or nil
}

func newPage() *page { return &page{series: map[string]float64{}} }

func (p *page) consumer(t *testing.T) consumer.Metrics {
	t.Helper()
	c, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		p.show(md)
		if p.next != nil {
			p.next(md)
		}
		return nil
	})
	require.NoError(t, err)
	return c
}

func (p *page) show(md pmetric.Metrics) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		instance, _ := rm.Resource().Attributes().Get("service.instance.id")
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, point := range numbers(m).All() {
					key := instance.Str() + " " + m.Name()
					if state, ok := point.Attributes().Get(pulse.AttrState); ok {
						key += " " + state.Str()
					}
					if point.Flags().NoRecordedValue() {
						delete(p.series, key)
						continue
					}
					p.series[key] = number(point)
				}
			}
		}
	}
}

// value returns the value of a series, and -1 when there is none.
func (p *page) value(series string) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.series[series]
	if !ok {
		return -1
	}
	return v
}

func (p *page) all() map[string]float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.series)
}

// beating is a receiver without servers, whose heart beats.
func beating(t *testing.T, cfg *Config, p *page) *eventfluxReceiver {
	t.Helper()
	m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, p.consumer(t))
	require.NoError(t, err)
	r := m.(*eventfluxReceiver)
	r.heart.start()
	synctest.Wait() // for the first look, at nothing
	return r
}

func (r *eventfluxReceiver) take(t *testing.T, from server.Origin, md pmetric.Metrics) {
	t.Helper()
	_, err := r.consumeMetrics(t.Context(), from, md)
	require.NoError(t, err)
}

var (
	overGRPC  = server.Origin{Transport: server.GRPC, SDK: true, Peer: "127.0.0.1:1"}
	fromAgent = server.Origin{Transport: server.GRPC, Peer: "127.0.0.1:2"}
)

func TestAnEngineIsUpUntilItsConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		r := beating(t, testConfig(), p)
		defer r.heart.shutdown(t.Context())
		conn := &server.Connection{ID: 1}
		from := overGRPC
		from.Connection = conn

		r.take(t, from, engineMetrics(engineA))
		time.Sleep(time.Second)
		assert.Equal(t, 1.0, p.value("a eventflux.up"), "said at once, long before the first interval ends")

		r.ended(conn, time.Now())
		time.Sleep(1900 * time.Millisecond)
		assert.Equal(t, 1.0, p.value("a eventflux.up"), "it may come back")
		time.Sleep(300 * time.Millisecond)
		assert.Equal(t, 0.0, p.value("a eventflux.up"))
		assert.Equal(t, 1.0, p.value("a eventflux.engine.state silent"))

		r.take(t, from, engineMetrics(engineA))
		time.Sleep(time.Second)
		assert.Equal(t, 1.0, p.value("a eventflux.up"))

		time.Sleep(30 * time.Second)
		assert.InDelta(t, 30, p.value("a eventflux.engine.last_seen.age"), 11, "written at each interval")
	})
}

func TestMissedExportsAGoodbyeAndForgettingAreSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		cfg := testConfig()
		cfg.Engines.ForgetAfter = 10 * time.Minute
		r := beating(t, cfg, p)
		defer r.heart.shutdown(t.Context())
		engineB := map[string]any{"service.name": "engine", "service.instance.id": "b"}
		for range 4 {
			r.take(t, overGRPC, engineMetrics(engineA))
			r.take(t, overGRPC, engineMetrics(engineB))
			time.Sleep(5 * time.Second)
		}
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		require.NoError(t, rl.Resource().Attributes().FromRaw(engineB))
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("entity.delete")
		r.admitLogs(t.Context(), overGRPC, ld, time.Now())
		time.Sleep(time.Second)
		assert.Equal(t, 1.0, p.value("b eventflux.engine.state shutdown"), "a goodbye is said at once")
		assert.Equal(t, 0.0, p.value("b eventflux.up"))
		assert.Equal(t, 1.0, p.value("a eventflux.up"))

		time.Sleep(45 * time.Second)
		assert.Equal(t, 0.0, p.value("a eventflux.up"), "six intervals of 5 s have passed")
		assert.Equal(t, 1.0, p.value("a eventflux.engine.state silent"))

		time.Sleep(10 * time.Minute)
		for series := range p.all() {
			assert.NotContains(t, series, "eventflux.", "what is said of engines ends with them")
		}
	})
}

func TestRestartsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		r := beating(t, testConfig(), p)
		defer r.heart.shutdown(t.Context())
		for _, pid := range []int64{7, 7, 8} {
			md := engineMetrics(engineA)
			md.ResourceMetrics().At(0).Resource().Attributes().PutInt("process.pid", pid)
			r.take(t, overGRPC, md)
		}
		time.Sleep(time.Second)
		assert.Equal(t, 1.0, p.value("a eventflux.engine.restarts"))
	})
}

func TestTheClockOfAnEngineIsCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage()
		r := beating(t, testConfig(), p)
		defer r.heart.shutdown(t.Context())
		md := engineMetrics(engineA)
		ahead := pcommon.NewTimestampFromTime(time.Now().Add(90 * time.Second))
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).SetTimestamp(ahead)
		r.take(t, overGRPC, md)
		time.Sleep(time.Second)
		assert.InDelta(t, 90, p.value("a eventflux.engine.clock.skew"), 0.001)
	})
}

// chain is an agent in front of a gateway.
type chain struct {
	agent   *eventfluxReceiver
	gateway atomic.Pointer[eventfluxReceiver]
	page    *page
	broken  atomic.Bool // nothing goes from agent to gateway
}

func newChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{page: newPage()}
	c.restartGateway(t)
	cfg := testConfig()
	cfg.Engines.AgentID = "host-1"
	front := newPage()
	front.next = func(md pmetric.Metrics) {
		if !c.broken.Load() {
			sent := pmetric.NewMetrics()
			md.CopyTo(sent)
			c.gateway.Load().take(t, fromAgent, sent)
		}
	}
	c.agent = beating(t, cfg, front)
	return c
}

func (c *chain) restartGateway(t *testing.T) {
	t.Helper()
	if old := c.gateway.Load(); old != nil {
		old.heart.shutdown(t.Context())
	}
	c.gateway.Store(beating(t, testConfig(), c.page))
}

func (c *chain) shutdown(t *testing.T) {
	t.Helper()
	c.agent.heart.shutdown(t.Context())
	c.gateway.Load().heart.shutdown(t.Context())
}

func TestTheAgentThatHoldsTheConnectionDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		defer c.shutdown(t)
		conn := &server.Connection{ID: 1}
		from := overGRPC
		from.Connection = conn
		for range 5 {
			c.agent.take(t, from, engineMetrics(engineA))
			time.Sleep(5 * time.Second)
		}
		assert.Equal(t, 1.0, c.page.value("a eventflux.up"))
		assert.Equal(t, 1.0, c.page.value("host-1 eventflux.agent.up"))
		seen := c.gateway.Load().list.Engines(time.Now())
		require.Len(t, seen, 1, "the agent is no engine")
		assert.Equal(t, "report", string(seen[0].Evidence))

		c.agent.ended(conn, time.Now())
		time.Sleep(3 * time.Second)
		assert.Equal(t, 0.0, c.page.value("a eventflux.up"), "the gateway would wait for 30 s")

		c.restartGateway(t)
		time.Sleep(11 * time.Second)
		assert.Equal(t, 0.0, c.page.value("a eventflux.up"), "a new gateway knows it from the agent")
		time.Sleep(time.Hour)
		assert.Equal(t, -1.0, c.page.value("a eventflux.up"), "and forgets it with the agent")
		assert.Empty(t, c.gateway.Load().list.Engines(time.Now()))
	})
}

func TestAnAgentThatDiesIsToldFromItsEngines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		defer c.shutdown(t)
		for range 14 {
			c.agent.take(t, overGRPC, engineMetrics(engineA))
			time.Sleep(5 * time.Second)
		}
		c.broken.Store(true)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 0.0, c.page.value("host-1 eventflux.agent.up"))
		assert.Equal(t, 0.0, c.page.value("a eventflux.up"), "nothing is heard of it")
		c.broken.Store(false)
		c.agent.take(t, overGRPC, engineMetrics(engineA))
		time.Sleep(11 * time.Second)
		assert.Equal(t, 1.0, c.page.value("host-1 eventflux.agent.up"))
		assert.Equal(t, 1.0, c.page.value("a eventflux.up"))
	})
}

func TestAReportOfAnEngineThatIsHereIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t)
		defer c.shutdown(t)
		c.agent.take(t, overGRPC, engineMetrics(engineA))
		time.Sleep(20 * time.Second)
		direct := overGRPC
		direct.Connection = &server.Connection{ID: 9}
		for range 100 { // it has moved, and the agent does not know
			c.gateway.Load().take(t, direct, engineMetrics(engineA))
			time.Sleep(5 * time.Second)
			assert.Equal(t, 1.0, c.page.value("a eventflux.up"))
		}
		assert.Equal(t, "silent", c.agent.list.Engines(time.Now())[0].State.String())
	})
}

func TestTheLivesOfEnginesAreToldInTheLogsPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		logs, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
			for _, rl := range ld.ResourceLogs().All() {
				events = append(events, rl.ScopeLogs().At(0).LogRecords().At(0).EventName())
			}
			return nil
		})
		require.NoError(t, err)
		cfg := testConfig()
		f := NewFactory()
		set := receivertest.NewNopSettings(metadata.Type)
		m, err := f.CreateMetrics(t.Context(), set, cfg, newPage().consumer(t))
		require.NoError(t, err)
		_, err = f.CreateLogs(t.Context(), set, cfg, logs)
		require.NoError(t, err)
		r := m.(*eventfluxReceiver)
		r.heart.start()
		from := overGRPC
		from.Connection = &server.Connection{ID: 1}
		r.take(t, from, engineMetrics(engineA))
		time.Sleep(65 * time.Second)
		r.ended(from.Connection, time.Now())
		time.Sleep(10 * time.Second)
		r.heart.shutdown(t.Context())
		assert.Equal(t, []string{"entity.state", "entity.state", "entity.delete"}, events)
	})
}

func TestEntityEventsOfAnotherReceiverAreNoSignsOfLife(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	export(t, b.dial(t), engineMetrics(engineA))
	before := b.only(t)
	events := pulse.NewEntities(time.Minute)
	lives, _ := b.receiver.list.Lives(time.Now())
	b.receiver.admitLogs(t.Context(), fromAgent, events.Write(lives, time.Now()), time.Now())
	b.receiver.admitLogs(t.Context(), fromAgent, events.Write(nil, time.Now()), time.Now())
	after := b.only(t)
	assert.Equal(t, before.LastSeen, after.LastSeen)
	assert.Equal(t, "up", after.State.String(), "that it was evicted elsewhere is no goodbye")
}
