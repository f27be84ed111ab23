// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// bench is a running receiver with everything around it that a test looks at.
type bench struct {
	receiver *eventfluxReceiver
	logs     *observer.ObservedLogs
	health   *fakeHealth
	tel      *componenttest.Telemetry
}

// fakeHealth stands for the pipeline_health extension.
type fakeHealth struct {
	component.StartFunc
	component.ShutdownFunc
	mu      sync.Mutex
	sources map[component.ID]engineview.Source
}

func (h *fakeHealth) RegisterEngines(id component.ID, s engineview.Source) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources[id] = s
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.sources, id)
	}
}

func (h *fakeHealth) registered() []engineview.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []engineview.Source
	for _, s := range h.sources {
		all = append(all, s)
	}
	return all
}

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

var healthID = component.MustNewID("pipeline_health")

func testConfig() *Config {
	cfg := newDefaultConfig().(*Config)
	cfg.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = "127.0.0.1:0"
	cfg.Protocols.HTTP.GetOrInsertDefault().Server.NetAddr.Endpoint = "127.0.0.1:0"
	cfg.HealthExtension = &healthID
	return cfg
}

// start runs the receiver with all three pipelines ending in next.
func start(t *testing.T, cfg *Config, next sinks) *bench {
	t.Helper()
	return startWith(t, cfg, next, fakeHost{tokenID: tokenAuthenticator{}})
}

// startWith is start with extensions beside the health extension.
func startWith(t *testing.T, cfg *Config, next sinks, host fakeHost) *bench {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	b := &bench{
		logs:   logs,
		health: &fakeHealth{sources: map[component.ID]engineview.Source{}},
		tel:    componenttest.NewTelemetry(),
	}
	host[healthID] = b.health
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = b.tel.NewTelemetrySettings()
	set.Logger = zap.New(core)

	f := NewFactory()
	m, err := f.CreateMetrics(t.Context(), set, cfg, next.metrics)
	require.NoError(t, err)
	tr, err := f.CreateTraces(t.Context(), set, cfg, next.traces)
	require.NoError(t, err)
	l, err := f.CreateLogs(t.Context(), set, cfg, next.logs)
	require.NoError(t, err)
	require.Same(t, m, tr, "pipelines share one receiver")

	for _, r := range []component.Component{m, tr, l} {
		require.NoError(t, r.Start(t.Context(), host))
	}
	b.receiver = m.(*eventfluxReceiver)
	t.Cleanup(func() {
		assert.NoError(t, b.receiver.Shutdown(context.Background()))
		assert.NoError(t, b.tel.Shutdown(context.Background()))
	})
	return b
}

type sinks struct {
	metrics consumer.Metrics
	traces  consumer.Traces
	logs    consumer.Logs
}

func collecting() (*consumertest.MetricsSink, sinks) {
	m := new(consumertest.MetricsSink)
	return m, sinks{m, new(consumertest.TracesSink), new(consumertest.LogsSink)}
}

func failing(err error) sinks {
	return sinks{consumertest.NewErr(err), consumertest.NewErr(err), consumertest.NewErr(err)}
}

func (b *bench) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(b.receiver.server.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// engineMetrics is what an engine sends: how many queries run and one stream.
func engineMetrics(attrs map[string]any) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	_ = rm.Resource().Attributes().FromRaw(attrs)
	sm := rm.ScopeMetrics().AppendEmpty()
	m := sm.Metrics().AppendEmpty()
	m.SetName("query.active.count")
	m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(2)
	m = sm.Metrics().AppendEmpty()
	m.SetName("stream.events.received")
	p := m.SetEmptySum().DataPoints().AppendEmpty()
	p.SetIntValue(10)
	p.Attributes().PutStr("stream.name", "StockStream")
	return md
}

func export(t *testing.T, conn *grpc.ClientConn, md pmetric.Metrics) {
	t.Helper()
	_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	require.NoError(t, err)
}

func TestEnginesReachTheHealthExtension(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	conn := b.dial(t)
	md := engineMetrics(map[string]any{
		"service.name": "engine", "service.instance.id": "a", "service.version": "1.2.3",
	})
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	metrics.At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	metrics.At(0).Sum().DataPoints().At(0).SetStartTimestamp(pcommon.NewTimestampFromTime(began))
	memory := metrics.AppendEmpty()
	memory.SetName("process.memory.usage")
	memory.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(64 << 20)
	export(t, conn, md)

	require.Len(t, b.health.registered(), 1)
	seen := b.health.registered()[0].Engines(time.Now())
	require.Len(t, seen, 1)
	assert.Equal(t, "engine", seen[0].Name)
	assert.Equal(t, "a", seen[0].InstanceID)
	assert.Equal(t, "1.2.3", seen[0].Version)
	assert.Equal(t, engineview.StateUp, seen[0].State)
	assert.Equal(t, int64(2), seen[0].Queries)
	assert.Equal(t, 1, seen[0].Streams)
	assert.Equal(t, int64(64<<20), seen[0].MemoryBytes)
	assert.True(t, began.Equal(seen[0].Started), seen[0].Started)
	metadatatest.AssertEqualReceiverEventfluxEngines(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("state", "up"))},
		{Value: 0, Attributes: attribute.NewSet(attribute.String("state", "silent"))},
		{Value: 0, Attributes: attribute.NewSet(attribute.String("state", "shutdown"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())

	require.NoError(t, b.receiver.Shutdown(t.Context()))
	assert.Empty(t, b.health.registered(), "a stopped receiver leaves the extension")
}

func TestWhatAnEngineSaysOfItsPartsReachesTheHealthExtension(t *testing.T) {
	md := engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"})
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	say := func(points pmetric.NumberDataPointSlice, attrs map[string]any) pmetric.NumberDataPoint {
		p := points.AppendEmpty()
		require.NoError(t, p.Attributes().FromRaw(attrs))
		return p
	}
	status := func(check, state string) map[string]any {
		return map[string]any{"eventflux.health.check": check, "eventflux.health.state": state}
	}
	m := metrics.AppendEmpty()
	m.SetName("eventflux.health.status")
	sum := m.SetEmptySum().DataPoints()
	say(sum, status("state_backend", "healthy")).SetIntValue(0)
	say(sum, status("state_backend", "unhealthy")).SetIntValue(1)
	say(sum, status("overall", "unhealthy")).SetIntValue(1)
	say(sum, map[string]any{"eventflux.health.state": "unhealthy"}).SetIntValue(1)
	m = metrics.AppendEmpty()
	m.SetName("eventflux.health.status") // another kind of sender: a gauge of floats
	gauge := m.SetEmptyGauge().DataPoints()
	say(gauge, status("query_runtime", "degraded")).SetDoubleValue(1)
	say(gauge, status("event_pipeline", "on fire")).SetDoubleValue(1)

	_, next := collecting()
	b := start(t, testConfig(), next)
	export(t, b.dial(t), md)
	assert.Equal(t, engineview.Checks{StateBackend: engineview.HealthUnhealthy, QueryRuntime: engineview.HealthDegraded},
		b.health.registered()[0].Engines(time.Now())[0].Checks)
	assert.False(t, b.health.registered()[0].Engines(time.Now())[0].Leaving)

	say(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(2).Sum().DataPoints(), status("overall", "shutting_down")).SetIntValue(1)
	export(t, b.dial(t), md)
	leaving := b.health.registered()[0].Engines(time.Now())[0]
	assert.True(t, leaving.Leaving)
	assert.Equal(t, engineview.StateUp, leaving.State, "it works on")
}

func TestGoodbyeEndsAnEngineWithoutAlarm(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	conn := b.dial(t)
	attrs := map[string]any{"service.name": "engine", "service.instance.id": "a"}
	export(t, conn, engineMetrics(attrs))

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	require.NoError(t, rl.Resource().Attributes().FromRaw(attrs))
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("entity.delete")
	_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
	require.NoError(t, err)
	export(t, conn, engineMetrics(attrs)) // the last flush comes after the goodbye

	assert.Equal(t, engineview.StateShutdown, b.receiver.list.Engines(time.Now())[0].State)
}

func TestOtherSendersAreNoEngines(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "host")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("system.cpu.time")
	m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(1)
	export(t, b.dial(t), md)

	assert.Len(t, sent(sink), 1)
	assert.Empty(t, b.receiver.list.Engines(time.Now()))
}

// An agent's limiter folds what is over its limit into series of its own, whose
// metrics have the engines' names.
func TestAnAgentsOverflowIsNoEngine(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	md := engineMetrics(map[string]any{"service.name": "otelcol-eventflux", "service.instance.id": "x"})
	for _, m := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		m.Sum().DataPoints().At(0).Attributes().PutBool("otel.metric.overflow", true)
	}
	h := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	h.SetName("eventflux.sink.publish.duration")
	h.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes().PutBool("otel.metric.overflow", true)
	export(t, b.dial(t), md)
	assert.Empty(t, b.receiver.list.Engines(time.Now()))
}

func TestEnginesWithoutInstanceIDStayApart(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	export(t, b.dial(t), engineMetrics(map[string]any{"service.name": "engine"}))
	export(t, b.dial(t), engineMetrics(map[string]any{"service.name": "engine"}))

	ids := map[string]bool{}
	for _, md := range sent(sink) {
		id, _ := md.ResourceMetrics().At(0).Resource().Attributes().Get("service.instance.id")
		ids[id.Str()] = true
	}
	assert.Len(t, ids, 2, "two connections are two instances: %v", ids)
	assert.Equal(t, 2, b.logs.FilterMessageSnippet("service.instance.id").FilterLevelExact(zap.WarnLevel).Len())
	metadatatest.AssertEqualReceiverEventfluxIdentitiesAssigned(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("missing", "service.instance.id"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestABreachOfTheContractIsCountedAndPasses(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "engine")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("eventflux.uptime")
	m.SetUnit("ms")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	export(t, b.dial(t), md)

	assert.Len(t, sent(sink), 1)
	metadatatest.AssertEqualReceiverEventfluxContractViolations(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("rule", "wrong_unit"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestLegacyNamesAreRepairedUnlessObserved(t *testing.T) {
	for mode, want := range map[ContractMode]string{ModeFix: "stream.events.received", ModeObserve: "stream_events_total"} {
		t.Run(string(mode), func(t *testing.T) {
			sink, next := collecting()
			cfg := testConfig()
			cfg.Contract.Mode = mode
			b := start(t, cfg, next)
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("stream_events_total")
			m.SetEmptySum().SetIsMonotonic(true)
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			m.Sum().DataPoints().AppendEmpty().Attributes().PutStr("stream", "s")
			export(t, b.dial(t), md)

			got := sent(sink)[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
			assert.Equal(t, want, got.Name())
			if mode == ModeFix {
				metadatatest.AssertEqualReceiverEventfluxContractRepaired(t, b.tel, []metricdata.DataPoint[int64]{
					{Value: 1, Attributes: attribute.NewSet(attribute.String("repair", "renamed"))},
				}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
			}
		})
	}
}

func TestEmptyExportIsASignOfLife(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	conn := b.dial(t)
	attrs := map[string]any{"service.name": "engine", "service.instance.id": "a"}
	export(t, conn, engineMetrics(attrs))
	before := b.receiver.list.Engines(time.Now())[0].LastSeen

	td := ptrace.NewTraces()
	require.NoError(t, td.ResourceSpans().AppendEmpty().Resource().Attributes().FromRaw(attrs))
	_, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(t, err)

	assert.True(t, b.receiver.list.Engines(time.Now())[0].LastSeen.After(before))
	assert.Len(t, sent(sink), 1)
}

func TestRefusalStillShowsTheEngineAlive(t *testing.T) {
	b := start(t, testConfig(), failing(errors.New("sending queue is full")))
	_, err := pmetricotlp.NewGRPCClient(b.dial(t)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(
		engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"})))
	require.ErrorContains(t, err, "sending queue is full")
	assert.Equal(t, engineview.StateUp, b.receiver.list.Engines(time.Now())[0].State)
}

func TestShutdownIsBounded(t *testing.T) {
	for name, senderStays := range map[string]bool{"the sender waits": true, "the sender is gone": false} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			defer close(release)
			enter := sync.OnceFunc(func() { close(entered) }) // the receiver's own reports come, too
			stuck, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error {
				enter()
				<-release
				return nil
			})
			require.NoError(t, err)
			cfg := testConfig()
			cfg.ShutdownTimeout = 200 * time.Millisecond
			m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, stuck)
			require.NoError(t, err)
			r := m.(*eventfluxReceiver)
			require.NoError(t, r.Start(t.Context(), fakeHost{healthID: &fakeHealth{sources: map[component.ID]engineview.Source{}}}))

			conn, err := grpc.NewClient(r.server.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			go func() {
				_, _ = pmetricotlp.NewGRPCClient(conn).Export(context.Background(),
					pmetricotlp.NewExportRequestFromMetrics(engineMetrics(nil)))
			}()
			<-entered
			if !senderStays {
				require.NoError(t, conn.Close())
			}
			assert.ErrorContains(t, r.Shutdown(context.Background()), "gRPC requests still in flight were cut off")
		})
	}
}

func TestStartErrorsNameTheKey(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	addr := busy.Addr().String()

	tests := []struct {
		name   string
		change func(*Config)
		host   fakeHost
		want   []string
	}{
		{
			"gRPC port in use",
			func(c *Config) { c.Protocols.GRPC.Get().NetAddr.Endpoint = addr },
			fakeHost{healthID: &fakeHealth{sources: map[component.ID]engineview.Source{}}},
			[]string{"protocols::grpc::endpoint", addr, "address already in use"},
		},
		{
			"HTTP port in use",
			func(c *Config) { c.Protocols.HTTP.Get().Server.NetAddr.Endpoint = addr },
			fakeHost{healthID: &fakeHealth{sources: map[component.ID]engineview.Source{}}},
			[]string{"protocols::http::endpoint", addr, "address already in use"},
		},
		{"extension missing", func(*Config) {}, fakeHost{}, []string{"pipeline_health", "service::extensions"}},
		{
			"extension of another type", func(*Config) {},
			fakeHost{healthID: componentWithoutEngines{}},
			[]string{"pipeline_health", "does not take engines"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			tt.change(cfg)
			m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			err = m.Start(t.Context(), tt.host)
			for _, text := range tt.want {
				assert.ErrorContains(t, err, text)
			}
			assert.NoError(t, m.Shutdown(t.Context()))
		})
	}
}

type componentWithoutEngines struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ receiver.Metrics = (*eventfluxReceiver)(nil)

// sent leaves out what the receiver itself writes.
func sent(sink *consumertest.MetricsSink) []pmetric.Metrics {
	return slices.DeleteFunc(sink.AllMetrics(), func(md pmetric.Metrics) bool {
		return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Name() == pulse.ScopeName
	})
}
