// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/ptracetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// valuesOf is a configuration under which a key may have this many values.
func valuesOf(perAttribute int) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.SeriesTTL = time.Minute
	cfg.Attributes.MaxValuesPerAttribute = perAttribute
	return cfg
}

func newTestLogs(t testing.TB, cfg *Config, next consumer.Logs, now func() time.Time) *logsLimiter {
	t.Helper()
	return newTestLogsWith(t, nopSettings(), cfg, next, now)
}

func newTestLogsWith(t testing.TB, set processor.Settings, cfg *Config, next consumer.Logs, now func() time.Time) *logsLimiter {
	t.Helper()
	require.NoError(t, cfg.Validate())
	l, err := newRecordLimiter(set, cfg, signalLogs, now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Shutdown(t.Context())) })
	return &logsLimiter{recordLimiter: l, next: next}
}

func newTestTraces(t testing.TB, cfg *Config, next consumer.Traces, now func() time.Time) *tracesLimiter {
	t.Helper()
	require.NoError(t, cfg.Validate())
	l, err := newRecordLimiter(nopSettings(), cfg, signalTraces, now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Shutdown(t.Context())) })
	return &tracesLimiter{recordLimiter: l, next: next}
}

// goldenConfig is what the scenario of this name runs under.
func goldenConfig(scenario string) *Config {
	cfg := valuesOf(2)
	switch scenario {
	case "attributes_removed":
		cfg.Attributes.Action = rule.KeyDrop
	case "keys_apart":
		cfg.Attributes.ExemptKeys = append(cfg.Attributes.ExemptKeys, "free.*", "tight.*")
		cfg.Attributes.Overrides = []AttributeOverrideConfig{
			{Key: "seen.?", Action: new(rule.KeyObserve)},
			{Key: "tight.k", MaxValuesPerAttribute: new(1), Action: new(rule.KeyDrop)},
		}
	case "too_many_attributes":
		cfg.Attributes.MaxAttributes = 2
	}
	return cfg
}

func TestGoldenLogs(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "logs", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		scenario := filepath.Base(filepath.Dir(input))
		t.Run(scenario, func(t *testing.T) {
			in, err := golden.ReadLogs(input)
			require.NoError(t, err)
			sink := new(consumertest.LogsSink)
			l := newTestLogs(t, goldenConfig(scenario), sink, newClock().time)
			require.NoError(t, l.ConsumeLogs(t.Context(), in))

			require.Len(t, sink.AllLogs(), 1)
			output := filepath.Join(filepath.Dir(input), "output.yaml")
			if *update {
				require.NoError(t, golden.WriteLogsToFile(output, sink.AllLogs()[0]))
			}
			want, err := golden.ReadLogs(output)
			require.NoError(t, err)
			require.NoError(t, plogtest.CompareLogs(want, sink.AllLogs()[0]))
		})
	}
}

func TestGoldenTraces(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "traces", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		scenario := filepath.Base(filepath.Dir(input))
		t.Run(scenario, func(t *testing.T) {
			in, err := golden.ReadTraces(input)
			require.NoError(t, err)
			sink := new(consumertest.TracesSink)
			l := newTestTraces(t, goldenConfig(scenario), sink, newClock().time)
			require.NoError(t, l.ConsumeTraces(t.Context(), in))

			require.Len(t, sink.AllTraces(), 1)
			output := filepath.Join(filepath.Dir(input), "output.yaml")
			if *update {
				require.NoError(t, golden.WriteTracesToFile(output, sink.AllTraces()[0]))
			}
			want, err := golden.ReadTraces(output)
			require.NoError(t, err)
			require.NoError(t, ptracetest.CompareTraces(want, sink.AllTraces()[0]))
		})
	}
}

// records returns one log record per value of the attribute "user".
func records(service string, users ...int) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	all := rl.ScopeLogs().AppendEmpty().LogRecords()
	for _, u := range users {
		all.AppendEmpty().Attributes().PutInt("user", int64(u))
	}
	return ld
}

// kept returns the values of "user" in all records, -1 for each that was replaced, and checks
// that exactly those are marked.
func kept(t *testing.T, all ...plog.Logs) []int {
	t.Helper()
	got := []int{}
	for _, ld := range all {
		for _, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			v, _ := record.Attributes().Get("user")
			mark, marked := record.Attributes().Get(recordMarker)
			if v.Type() == pcommon.ValueTypeInt {
				assert.False(t, marked)
				got = append(got, int(v.Int()))
				continue
			}
			assert.Equal(t, defaultAttributeValue, v.Str())
			assert.True(t, marked && mark.Bool())
			got = append(got, -1)
		}
	}
	return got
}

// through sends a batch through and returns what kept does.
func (l *logsLimiter) through(t *testing.T, ld plog.Logs) []int {
	t.Helper()
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	return kept(t, ld)
}

func TestAValueInUseKeepsItsPlace(t *testing.T) {
	clock := newClock()
	l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), clock.time)
	assert.Equal(t, []int{1, 2, -1}, l.through(t, records("a", 1, 2, 3)))
	for range 4 {
		clock.advance(40 * time.Second)
		assert.Equal(t, []int{1, 1}, l.through(t, records("a", 1, 1)))
	}
	assert.Equal(t, []int{3, 1, -1}, l.through(t, records("a", 3, 1, 2)), "2 was silent for series_ttl")
	clock.advance(2 * time.Minute)
	assert.Equal(t, []int{4, 5, -1}, l.through(t, records("a", 4, 5, 1)))
}

func TestATenantWithManyValuesIsAlone(t *testing.T) {
	l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), newClock().time)
	assert.Equal(t, []int{1, 2, -1, -1}, l.through(t, records("noisy", 1, 2, 3, 4)))
	assert.Equal(t, []int{3, 4, -1}, l.through(t, records("quiet", 3, 4, 1)))

	cfg := valuesOf(3)
	cfg.Attributes.MaxValues = 4
	l = newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
	assert.Equal(t, []int{1, 2, 3, -1}, l.through(t, records("noisy", 1, 2, 3, 4)), "three quarters of the whole")
	assert.Equal(t, []int{1, -1}, l.through(t, records("quiet", 1, 2)), "the rest")
}

func TestTenantsOfRecordsOfClients(t *testing.T) {
	cfg := valuesOf(1)
	cfg.Tenant.ClientMetadata = []string{"x-scope-orgid"}
	l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
	for _, org := range []string{"a", "b"} {
		ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{"x-scope-orgid": {org}})})
		ld := records("same", 1, 2)
		require.NoError(t, l.ConsumeLogs(ctx, ld))
		assert.Equal(t, []int{1, -1}, kept(t, ld))
	}
}

func TestWhatNeedsNoPlaceTakesNone(t *testing.T) {
	l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), newClock().time)
	ld := records("a", 1)
	attributes := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	attributes.PutEmpty("empty")
	attributes.PutStr("limited", defaultAttributeValue)
	attributes.PutStr("trace_id", "0102030405060708090a0b0c0d0e0f10")
	attributes.PutBool(recordMarker, true)
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	assert.Equal(t, 1, l.values.Usage().Metrics)
	assert.Equal(t, 5, attributes.Len())
}

func TestSilentTenantsOfRecordsAreForgotten(t *testing.T) {
	clock := newClock()
	l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), clock.time)
	l.through(t, records("a", 1))
	clock.advance(2 * time.Minute)
	l.through(t, records("b", 1))
	assert.Equal(t, 1, l.tenants.Len())
	assert.Equal(t, 1, l.values.Usage().Tenants)
}

func TestOnlyNamedKeys(t *testing.T) {
	cfg := valuesOf(1)
	cfg.Attributes.Keys = []string{"user*"}
	l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
	ld := records("a", 1, 2)
	for i, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		record.Attributes().PutInt("free", int64(i))
	}
	assert.Equal(t, []int{1, -1}, l.through(t, ld))
	v, _ := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().Get("free")
	assert.Equal(t, int64(1), v.Int())
}

// someSpans returns spans with events and links, some of whose values are over the limit.
func someSpans(t *testing.T) ptrace.Traces {
	t.Helper()
	td, err := golden.ReadTraces(filepath.Join("testdata", "traces", "events_and_links", "input.yaml"))
	require.NoError(t, err)
	return td
}

// T26: what is only observed may be shared with other pipelines.
func TestT26RecordsObservedAreNotTouched(t *testing.T) {
	cfg := valuesOf(1)
	cfg.Attributes.Action = rule.KeyObserve
	cfg.Attributes.Overrides = []AttributeOverrideConfig{{Key: "user", MaxValuesPerAttribute: new(2)}}

	logs := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
	assert.False(t, logs.Capabilities().MutatesData)
	ld := records("a", 1, 2, 3)
	ld.MarkReadOnly()
	require.NoError(t, logs.ConsumeLogs(t.Context(), ld))
	require.NoError(t, plogtest.CompareLogs(records("a", 1, 2, 3), ld))
	assert.Equal(t, 2, logs.values.Usage().Series)

	traces := newTestTraces(t, cfg, consumertest.NewNop(), newClock().time)
	assert.False(t, traces.Capabilities().MutatesData)
	td, untouched := someSpans(t), someSpans(t)
	td.MarkReadOnly()
	require.NoError(t, traces.ConsumeTraces(t.Context(), td))
	require.NoError(t, ptracetest.CompareTraces(untouched, td))

	cfg.Attributes.Overrides[0].Action = new(rule.KeyDrop)
	assert.True(t, newTestLogs(t, cfg, consumertest.NewNop(), newClock().time).Capabilities().MutatesData)
}

func TestWhatTheNextComponentSaysIsReturned(t *testing.T) {
	logs := newTestLogs(t, valuesOf(1), consumertest.NewErr(errFull), newClock().time)
	require.ErrorIs(t, logs.ConsumeLogs(t.Context(), records("a", 1)), errFull)
	traces := newTestTraces(t, valuesOf(1), consumertest.NewErr(errFull), newClock().time)
	require.ErrorIs(t, traces.ConsumeTraces(t.Context(), ptrace.NewTraces()), errFull)
}

// 64 goroutines offer more values than there is room for. Exactly as many get in as there is
// room, all of them stay, and no record is lost.
func TestNoOvershootOfValuesConcurrentSafe(t *testing.T) {
	const goroutines, batches, size, limit = 64, 20, 20, 100
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	sink := new(consumertest.LogsSink)
	l := newTestLogsWith(t, metadatatest.NewSettings(reading), valuesOf(limit), sink, time.Now)
	var race sync.WaitGroup
	for g := range goroutines {
		race.Go(func() {
			rng := rand.New(rand.NewPCG(5, uint64(g)))
			for range batches {
				users := make([]int, size)
				for i := range users {
					users[i] = rng.IntN(2000)
				}
				assert.NoError(t, l.ConsumeLogs(t.Context(), records("a", users...)))
			}
		})
	}
	race.Wait()

	assert.Equal(t, limit, l.values.Usage().Series)
	got, values := kept(t, sink.AllLogs()...), map[int]bool{}
	assert.Len(t, got, goroutines*batches*size)
	assert.Equal(t, int64(len(got)), counted(t, reading, "otelcol_cardinality_limit_records_in"))
	out, err := reading.GetMetric("otelcol_cardinality_limit_records_out")
	require.NoError(t, err)
	replaced := 0
	for _, v := range got {
		if v < 0 {
			replaced++
		} else {
			values[v] = true
		}
	}
	assert.Equal(t, map[string]int64{"passed": int64(len(got) - replaced), "changed": int64(replaced)}, byOutcome(t, out))
	assert.Len(t, values, limit)
}

func TestHostileRecords(t *testing.T) {
	t.Run("values of a megabyte", func(t *testing.T) {
		l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), newClock().time)
		ld := records("a")
		for i := range 6 {
			record := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
			record.Attributes().PutStr("k", fmt.Sprint(i, strings.Repeat("x", 1<<20)))
			record.Attributes().PutEmptyBytes("y").Append(make([]byte, 1<<20+i)...)
		}
		require.NoError(t, l.ConsumeLogs(t.Context(), ld))
		assert.Equal(t, 4, l.values.Usage().Series)
		assert.Less(t, l.board.Bytes(), 64<<10)
		v, _ := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(5).Attributes().Get("y")
		assert.Equal(t, defaultAttributeValue, v.Str())
	})
	t.Run("keys of a megabyte", func(t *testing.T) {
		cfg := valuesOf(2)
		cfg.Attributes.MaxAttributes = 3
		l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
		ld := records("a", 1)
		attributes := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
		for i := range 6 {
			attributes.PutStr(fmt.Sprint(i, strings.Repeat("x", 1<<20)), "v")
		}
		require.NoError(t, l.ConsumeLogs(t.Context(), ld))
		assert.Equal(t, 3, l.values.Usage().Metrics)
		assert.Less(t, l.board.Bytes(), 64<<10)
	})
	t.Run("ten thousand attributes", func(t *testing.T) {
		cfg := valuesOf(2)
		cfg.Attributes.MaxAttributes, cfg.Attributes.Action = 100, rule.KeyDrop
		l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
		ld := records("a", 1)
		record := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		record.Attributes().EnsureCapacity(10_000)
		raw := map[string]any{"": "no key"}
		for i := range 9_999 {
			raw[fmt.Sprint("k", i)] = i
		}
		require.NoError(t, record.Attributes().FromRaw(raw))
		require.NoError(t, l.ConsumeLogs(t.Context(), ld))
		assert.Equal(t, 100+1, record.Attributes().Len(), "and the mark")
		assert.Equal(t, uint32(9_900), record.DroppedAttributesCount())
		assert.Equal(t, 100, l.values.Usage().Metrics)
	})
	t.Run("nested deeply", func(t *testing.T) {
		l := newTestLogs(t, valuesOf(2), consumertest.NewNop(), newClock().time)
		ld := records("a", 1)
		inner := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutEmptyMap("k")
		for range 10_000 {
			inner = inner.PutEmptyMap("k")
		}
		assert.Equal(t, []int{1}, l.through(t, ld))
	})
}

// recordValue is an expected data point of a pipeline of logs.
func recordValue(n int64, pairs ...string) metricdata.DataPoint[int64] {
	return value(n, append([]string{"signal", "logs"}, pairs...)...)
}

func TestTelemetryOfRecords(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	cfg, clock := valuesOf(2), newClock()
	cfg.Attributes.MaxAttributes = 2
	cfg.Attributes.Overrides = []AttributeOverrideConfig{
		{Key: "seen", Action: new(rule.KeyObserve)}, {Key: "gone", Action: new(rule.KeyDrop)},
	}
	l := newTestLogsWith(t, metadatatest.NewSettings(reading), cfg, consumertest.NewNop(), clock.time)
	consume := func(ld plog.Logs) { require.NoError(t, l.ConsumeLogs(t.Context(), ld)) }
	consume(records("a", 1, 2, 3, 3, 1)) // two have no place
	ld := records("a", 1, 2, 2)
	for i, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		if i == 2 {
			break // the last one passes, whatever became of those before it
		}
		record.Attributes().PutStr("trace_id", "exempt")
		record.Attributes().PutInt("gone", 1)         // takes the last place for a key
		record.Attributes().PutInt("seen", int64(10)) // no room for a third key
		record.Attributes().PutInt("more", int64(i))
	}
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().Remove("more")
	consume(ld)

	no := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualCardinalityLimitRecordsIn(t, reading, []metricdata.DataPoint[int64]{recordValue(8)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordsOut(t, reading, []metricdata.DataPoint[int64]{
		recordValue(4, "outcome", "passed"),
		recordValue(1, "outcome", "observed"),
		recordValue(3, "outcome", "changed"),
	}, no)
	metadatatest.AssertEqualCardinalityLimitRecordValues(t, reading, []metricdata.DataPoint[int64]{
		recordValue(8, "outcome", "passed"),
		recordValue(2, "outcome", "exempt"),
		recordValue(2, "outcome", "observed", "reason", "attribute_limit"),
		recordValue(1, "outcome", "replaced", "reason", "attribute_limit"),
		recordValue(2, "outcome", "replaced", "reason", "attribute_full"),
	}, no)
	metadatatest.AssertEqualCardinalityLimitRecordAttributesTracked(t, reading, []metricdata.DataPoint[int64]{recordValue(2)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordAttributesLimit(t, reading, []metricdata.DataPoint[int64]{recordValue(2)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordAttributesFull(t, reading, []metricdata.DataPoint[int64]{recordValue(1)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordValuesTracked(t, reading, []metricdata.DataPoint[int64]{recordValue(3)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordValuesLimit(t, reading, []metricdata.DataPoint[int64]{recordValue(1_000_000)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordValuesExpired(t, reading, []metricdata.DataPoint[int64]{recordValue(0)}, no)
	metadatatest.AssertEqualCardinalityLimitRecordValuesDemand(t, reading, []metricdata.DataPoint[int64]{
		recordValue(3, "tenant", "a", "key", "user"),
		recordValue(1, "tenant", "a", "key", "seen"),
		recordValue(1, "tenant", "a", "key", "more"),
	}, no)
	clock.advance(5 * time.Minute)
	consume(records("a"))
	metadatatest.AssertEqualCardinalityLimitRecordValuesExpired(t, reading, []metricdata.DataPoint[int64]{recordValue(3)}, no)
}

// One component may stand in a pipeline of every signal: what they count stays apart.
func TestSignalsAreCountedApart(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	factory, cfg, set := NewFactory(), valuesOf(1), metadatatest.NewSettings(reading)
	logs, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	traces, err := factory.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, logs.ConsumeLogs(t.Context(), records("a", 1, 2)))
	require.NoError(t, traces.ConsumeTraces(t.Context(), someSpans(t)))
	metadatatest.AssertEqualCardinalityLimitRecordsIn(t, reading, []metricdata.DataPoint[int64]{
		recordValue(2),
		{Value: 5, Attributes: attribute.NewSet(attribute.String("processor", "cardinality_limit"), attribute.String("signal", "traces"))},
	}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, logs.Shutdown(t.Context()))
	require.NoError(t, traces.Shutdown(t.Context()))
}

func TestWarnsOncePerKey(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AttributesConfig)
		says   string
		limit  string
	}{
		"attribute": {
			func(*AttributesConfig) {},
			"Attribute has as many values as it may have; further values are replaced", "max_values_per_attribute",
		},
		"observe": {
			func(c *AttributesConfig) { c.Action = rule.KeyObserve },
			"Attribute has as many values as it may have; further values stay, because the action is observe", "max_values_per_attribute",
		},
		"drop": {
			func(c *AttributesConfig) { c.Action = rule.KeyDrop },
			"Attribute has as many values as it may have; attributes with further values are removed", "max_values_per_attribute",
		},
		"tenant": {
			func(c *AttributesConfig) {
				c.MaxValues = 4
				c.Overrides = []AttributeOverrideConfig{{Key: "*", MaxValuesPerAttribute: new(9)}}
			},
			"Tenant has as many values of attributes as it may have; further values are replaced", "max_values",
		},
		"all": {
			func(c *AttributesConfig) {
				c.MaxValues = 1
				c.Overrides = []AttributeOverrideConfig{{Key: "*", MaxValuesPerAttribute: new(9)}}
			},
			"No more values of attributes may be tracked; further values are replaced", "max_values",
		},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zapcore.WarnLevel)
			set, cfg := nopSettings(), valuesOf(1)
			set.Logger = zap.New(core)
			tt.change(&cfg.Attributes)
			l := newTestLogsWith(t, set, cfg, consumertest.NewNop(), newClock().time)
			for range 3 {
				require.NoError(t, l.ConsumeLogs(t.Context(), records("a", 1, 2, 3, 4, 5)))
			}
			require.Equal(t, 1, logs.Len())
			assert.Equal(t, tt.says, logs.All()[0].Message)
			fields := logs.All()[0].ContextMap()
			assert.Contains(t, fields, tt.limit)
			assert.Equal(t, "user", fields["attribute"])
			assert.Equal(t, "a", fields["tenant"])
			assert.Equal(t, "logs", fields["signal"])
		})
	}
}

func TestWarnsOfTooManyKeys(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	set, cfg := nopSettings(), valuesOf(5)
	set.Logger = zap.New(core)
	cfg.Attributes.MaxAttributes = 1
	l := newTestLogsWith(t, set, cfg, consumertest.NewNop(), newClock().time)
	ld := records("a", 1, 1, 1)
	for i, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		record.Attributes().PutInt(fmt.Sprint("k", i), 1)
	}
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	require.Equal(t, 1, logs.Len())
	assert.Equal(t, "No more attributes may be tracked; further values are replaced", logs.All()[0].Message)
	assert.Equal(t, int64(1), logs.All()[0].ContextMap()["max_attributes"])
}

// registry is an extension that keeps what it is told.
type registry struct {
	component.Component
	sources map[cardinalityview.Source]component.ID
}

func (r *registry) RegisterCardinality(id component.ID, source cardinalityview.Source) func() {
	r.sources[source] = id
	return func() { delete(r.sources, source) }
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func TestTheExtensionShowsKeys(t *testing.T) {
	id := component.MustNewID("pipeline_health")
	shown := &registry{sources: map[cardinalityview.Source]component.ID{}}
	cfg := valuesOf(2)
	cfg.HealthExtension, cfg.Offenders.Samples = &id, "masked"
	l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
	require.ErrorContains(t, l.Start(t.Context(), componenttest.NewNopHost()), "is not in service::extensions")
	require.NoError(t, l.Start(t.Context(), host{id: shown}))
	require.Len(t, shown.sources, 1)

	ld := records("a", 1, 2)
	for _, user := range []string{"ann-3", "bob-4", "bob-4", "eve-5"} {
		ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty().Attributes().PutStr("user", user)
	}
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	for source := range shown.sources {
		assert.Equal(t, cardinalityview.Report{
			Processor: "cardinality_limit",
			Signal:    "logs",
			Series:    cardinalityview.Budget{Limit: 1_000_000, Used: 2},
			Tenants:   []cardinalityview.Tenant{{Tenant: "a", Budget: cardinalityview.Budget{Limit: 750_000, Used: 2}}},
			Metrics: []cardinalityview.Metric{{
				Tenant: "a", Metric: "user",
				Budget: cardinalityview.Budget{Limit: 2, Used: 2},
				Demand: 5, RefusedPoints: 4,
				Attributes: []cardinalityview.Attribute{{Key: "user", Values: 3, SeriesWithout: 1, Samples: []string{"aaa-9"}}},
			}},
			WhatIf: []cardinalityview.WhatIf{{MaxSeriesPerMetric: 4, Metrics: 1, Refused: 1}},
		}, source.Cardinality(10, []int{4}))
	}
	require.NoError(t, l.Shutdown(t.Context()))
	assert.Empty(t, shown.sources)
}
