// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// pitfall is data from which the exporter makes something wrong, without an
// error to whoever sent it.
type pitfall struct {
	name string
	// requests are sent one after the other, each by the sender of its number.
	requests []request
	// wrong are the series without the receiver; nil where they are not always the
	// same, because one of two is dropped.
	wrong []string
	// complaints is what the exporter logs without the receiver, empty where it
	// loses data without a word.
	complaints string
	// right are the series with the receiver in mode fix, and without complaints.
	right []string
}

type request struct {
	sender int
	data   pmetric.Metrics
}

// engine is data of one engine with one scope, filled by fill.
func engine(instance string, fill func(pmetric.MetricSlice)) pmetric.Metrics {
	return scopes(instance, fill)
}

// scopes is data of one engine with several scopes.
func scopes(instance string, fills ...func(pmetric.MetricSlice)) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "engine")
	if instance != "" {
		rm.Resource().Attributes().PutStr("service.instance.id", instance)
	}
	for i, fill := range fills {
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(fmt.Sprintf("scope %d", i))
		fill(sm.Metrics())
	}
	return md
}

func one(sender int, data pmetric.Metrics) request { return request{sender, data} }

// now is the time of points that do not say another.
var now = time.Now()

// sum appends a sum and returns its points.
func sum(to pmetric.MetricSlice, name, unit string, monotonic bool) pmetric.NumberDataPointSlice {
	m := to.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetEmptySum().SetIsMonotonic(monotonic)
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return m.Sum().DataPoints()
}

func gauge(to pmetric.MetricSlice, name, unit string) pmetric.NumberDataPointSlice {
	m := to.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m.SetEmptyGauge().DataPoints()
}

// point appends a point with attributes, given as key, value, key, value.
func point(to pmetric.NumberDataPointSlice, value float64, attrs ...string) pmetric.NumberDataPoint {
	p := to.AppendEmpty()
	p.SetDoubleValue(value)
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	for pair := range slices.Chunk(attrs, 2) {
		p.Attributes().PutStr(pair[0], pair[1])
	}
	return p
}

func latency(to pmetric.MetricSlice, unit string, bound float64, query string) {
	m := to.AppendEmpty()
	m.SetName("query.latency")
	m.SetUnit(unit)
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	p.Attributes().PutStr("query.id", query)
	p.ExplicitBounds().FromRaw([]float64{bound})
	p.BucketCounts().FromRaw([]uint64{2, 1})
	p.SetCount(3)
	p.SetSum(bound)
}

// delta is a request with one delta of one counter between two times.
func delta(name string, monotonic bool, value float64, from, to time.Time) pmetric.Metrics {
	return engine("a", func(metrics pmetric.MetricSlice) {
		points := sum(metrics, name, "", monotonic)
		metrics.At(0).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := point(points, value, "stream.name", "s")
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(from))
		p.SetTimestamp(pcommon.NewTimestampFromTime(to))
	})
}

var pitfalls = []pitfall{
	{
		name: "P2: engines without service.instance.id are one series",
		requests: []request{
			one(0, engine("", func(m pmetric.MetricSlice) { point(sum(m, "query.active.count", "{query}", false), 1) })),
			one(1, engine("", func(m pmetric.MetricSlice) { point(sum(m, "query.active.count", "{query}", false), 2) })),
		},
		wrong: []string{"query_active_count 2"},
		right: []string{"query_active_count 1", "query_active_count 2"},
	},
	{
		name: "P3: an old and a new name become one series",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(sum(m, "query_events_processed_total", "", true), 5, "query_id", "q", "stream_name", "s")
			point(sum(m, "query.events.processed", "{event}", true), 7, "query.id", "q", "stream.name", "s")
		}))},
		complaints: "was collected before with the same name and label values",
		right:      []string{"query_events_processed_total query_id=q stream_name=s 7"},
	},
	{
		name: "P3: an old name that is spelled otherwise is a series beside the new one",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(sum(m, "stream_events_total", "", true), 7, "stream", "s")
			point(sum(m, "stream.events.received", "{event}", true), 7, "stream.name", "s")
		}))},
		wrong: []string{"stream_events_received_total stream_name=s 7", "stream_events_total stream=s 7"},
		right: []string{"stream_events_received_total stream_name=s 7"},
	},
	{
		name: "P3: two scopes become one series",
		requests: []request{one(0, scopes("a",
			func(m pmetric.MetricSlice) { point(sum(m, "query.active.count", "{query}", false), 1) },
			func(m pmetric.MetricSlice) { point(sum(m, "query.active.count", "{query}", false), 2) },
		))},
		complaints: "was collected before with the same name and label values",
		right:      []string{"query_active_count 1"},
	},
	{
		name: "P3: names of the engine's own that differ in what joins their words become one series",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "eventflux.custom.orders.open", ""), 1, "region", "eu")
			point(gauge(m, "eventflux.custom.orders_open", ""), 2, "region", "eu")
			point(gauge(m, "eventflux.custom.orders-open", ""), 3, "region", "eu")
		}))},
		complaints: "was collected before with the same name and label values",
		right: []string{
			"eventflux_custom_orders_open region=eu 1",
			"eventflux_custom_orders_open_other region=eu 2",
			"eventflux_custom_orders_open_other_other region=eu 3",
		},
	},
	{
		name: "P3: such names in requests of their own, in any order",
		requests: []request{
			one(0, engine("a", func(m pmetric.MetricSlice) { point(gauge(m, "eventflux.custom.orders.open", ""), 1) })),
			one(0, engine("a", func(m pmetric.MetricSlice) { point(gauge(m, "eventflux.custom.orders_open", ""), 2) })),
			one(0, engine("a", func(m pmetric.MetricSlice) {
				point(gauge(m, "eventflux.custom.orders_open", ""), 4)
				point(gauge(m, "eventflux.custom.orders.open", ""), 3)
			})),
		},
		complaints: "was collected before with the same name and label values",
		right:      []string{"eventflux_custom_orders_open 3", "eventflux_custom_orders_open_other 4"},
	},
	{
		name: "P3: names that differ in the unit or the total that the exporter puts behind one of them",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "eventflux.custom.wait", "s"), 1)
			point(gauge(m, "eventflux.custom.wait_seconds", ""), 2)
			point(gauge(m, "eventflux.custom.hits.ratio", "1"), 3)
			point(gauge(m, "eventflux.custom.hits", "1"), 4)
			point(sum(m, "eventflux.custom.trades_total", "", true), 5)
			point(sum(m, "eventflux.custom.trades", "{trade}", true), 6)
		}))},
		complaints: "was collected before with the same name and label values",
		right: []string{
			"eventflux_custom_hits_other_ratio 4",
			"eventflux_custom_hits_ratio 3",
			"eventflux_custom_trades_other_total 6",
			"eventflux_custom_trades_total 5",
			"eventflux_custom_wait_seconds 1",
			"eventflux_custom_wait_seconds_other 2",
		},
	},
	{
		name: "P3: a name that becomes that of a metric of the conventions by its unit",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "eventflux.checkpoint.compression", "1"), 1)
			point(gauge(m, "eventflux.checkpoint.compression.ratio", "1"), 2)
		}))},
		complaints: "was collected before with the same name and label values",
		right: []string{
			"eventflux_checkpoint_compression_other_ratio 1",
			"eventflux_checkpoint_compression_ratio 2",
		},
	},
	{
		name: "P4: names that become one by the unit, of two types",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "eventflux.custom.latency_seconds", ""), 0.25, "query.id", "q")
			latency(m, "s", 0.5, "q")
			m.At(m.Len() - 1).SetName("eventflux.custom.latency")
		}))},
		complaints: "instrument type conflict",
		right: []string{
			"eventflux_custom_latency_other_seconds query_id=q 3 of sum 0.5 up to 0.5",
			"eventflux_custom_latency_seconds query_id=q 0.25",
		},
	},
	{
		name: "P4: such names of two types",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "eventflux.custom.latency", "s"), 0.25, "query.id", "q")
			latency(m, "s", 0.5, "q")
			m.At(m.Len() - 1).SetName("eventflux.custom_latency")
		}))},
		complaints: "instrument type conflict",
		right: []string{
			"eventflux_custom_latency_other_seconds query_id=q 3 of sum 0.5 up to 0.5",
			"eventflux_custom_latency_seconds query_id=q 0.25",
		},
	},
	{
		name: "P4: another type is dropped",
		requests: []request{
			one(0, engine("a", func(m pmetric.MetricSlice) { point(gauge(m, "query.latency", "s"), 0.25, "query.id", "q") })),
			one(1, engine("b", func(m pmetric.MetricSlice) { latency(m, "s", 0.5, "q") })),
		},
		complaints: "instrument type conflict",
		right: []string{
			"query_latency_gauge_seconds query_id=q 0.25",
			"query_latency_seconds query_id=q 3 of sum 0.5 up to 0.5",
		},
	},
	{
		name: "P4: another unit is another metric",
		requests: []request{
			one(0, engine("a", func(m pmetric.MetricSlice) { latency(m, "ms", 500, "a") })),
			one(1, engine("b", func(m pmetric.MetricSlice) { latency(m, "s", 0.5, "b") })),
		},
		wrong: []string{
			"query_latency_milliseconds query_id=a 3 of sum 500 up to 500",
			"query_latency_seconds query_id=b 3 of sum 0.5 up to 0.5",
		},
		right: []string{
			"query_latency_seconds query_id=a 3 of sum 0.5 up to 0.5",
			"query_latency_seconds query_id=b 3 of sum 0.5 up to 0.5",
		},
	},
	{
		name: "P5: a metric whose attributes become one label is dropped",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "query.buffer.utilization", ""), 0.5, "query.id", "q", "query_id", "q")
			point(gauge(m, "eventflux.custom.depth", ""), 3, "a.b", "x", "a_b", "y")
		}))},
		complaints: "duplicate label names",
		right: []string{
			"eventflux_custom_depth a_b=x exported_a_b=y 3",
			"query_buffer_utilization query_id=q 0.5",
		},
	},
	{
		name: "P5: a metric with an attribute called job or instance is dropped",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			point(gauge(m, "query.buffer.utilization", ""), 0.5, "query.id", "q", "job", "nightly", "instance", "i")
		}))},
		complaints: "duplicate label names",
		right:      []string{"query_buffer_utilization exported_instance=i exported_job=nightly query_id=q 0.5"},
	},
	{
		name: "P6: the points behind the end of a series are skipped",
		requests: []request{one(0, engine("a", func(m pmetric.MetricSlice) {
			points := gauge(m, "query.buffer.utilization", "")
			point(points, 0, "query.id", "ended").SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
			point(points, 0.5, "query.id", "q")
		}))},
		wrong: []string{},
		right: []string{"query_buffer_utilization query_id=q 0.5"},
	},
	{
		name: "P6: of two ends of series the second is skipped",
		requests: []request{
			one(0, engine("a", func(m pmetric.MetricSlice) {
				points := gauge(m, "query.buffer.utilization", "")
				for _, query := range []string{"p", "q", "r"} {
					point(points, 0.5, "query.id", query)
				}
			})),
			one(0, engine("a", func(m pmetric.MetricSlice) {
				points := gauge(m, "query.buffer.utilization", "")
				point(points, 0.75, "query.id", "r")
				for _, query := range []string{"p", "q"} {
					point(points, 0, "query.id", query).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
				}
			})),
		},
		wrong: []string{"query_buffer_utilization query_id=q 0.5", "query_buffer_utilization query_id=r 0.75"},
		right: []string{"query_buffer_utilization query_id=r 0.75"},
	},
	{
		name: "P7: a delta that does not begin where the last one ended replaces the counter",
		requests: []request{
			one(0, delta("stream.events.received", true, 10, now, now.Add(time.Second))),
			one(0, delta("stream.events.received", true, 5, now.Add(1001*time.Millisecond), now.Add(2*time.Second))),
		},
		wrong: []string{"stream_events_received_total stream_name=s 5"},
		right: []string{"stream_events_received_total stream_name=s 15"},
	},
	{
		name: "P7: deltas of what goes up and down are dropped",
		requests: []request{
			one(0, delta("stream.subscribers.active", false, 10, now, now.Add(time.Second))),
			one(0, delta("stream.subscribers.active", false, -3, now.Add(time.Second), now.Add(2*time.Second))),
		},
		wrong: []string{},
		right: []string{"stream_subscribers_active stream_name=s 7"},
	},
}

func TestPitfallsOfTheExporter(t *testing.T) {
	for _, p := range pitfalls {
		t.Run(p.name, func(t *testing.T) {
			t.Run("without the receiver", func(t *testing.T) {
				bare := startExporter(t)
				for _, r := range p.requests {
					require.NoError(t, bare.ConsumeMetrics(t.Context(), clone(r.data)), "nobody is told")
				}
				got := bare.series(t)
				if p.wrong != nil {
					assert.Equal(t, p.wrong, got)
				}
				assert.NotEqual(t, p.right, append(got, bare.complaints()...))
				assert.Contains(t, strings.Join(bare.complaints(), "\n"), p.complaints)
				assert.Equal(t, p.complaints == "", len(bare.complaints()) == 0, "%q", bare.complaints())
			})
			t.Run("with the receiver", func(t *testing.T) {
				exp := startExporter(t)
				door := startDoor(t, exp)
				for _, r := range p.requests {
					door.send(t, r.sender, clone(r.data))
				}
				assert.Equal(t, p.right, exp.series(t))
				assert.Empty(t, exp.complaints())
			})
		})
	}
}

// P8: the exporter skips points with older timestamps, and says nothing. An
// engine whose clock was set back by 50 minutes is not seen for as long.
func TestAnEngineWhoseClockWasSetBackGoesOn(t *testing.T) {
	const attempts = 1000
	active := func(value float64, at time.Time) pmetric.Metrics {
		return engine("a", func(m pmetric.MetricSlice) {
			point(sum(m, "query.active.count", "{query}", false), value).SetTimestamp(pcommon.NewTimestampFromTime(at))
		})
	}
	ahead := active(1, time.Now().Add(50*time.Minute))

	bare := startExporter(t)
	require.NoError(t, bare.ConsumeMetrics(t.Context(), clone(ahead)))
	for range 10 {
		require.NoError(t, bare.ConsumeMetrics(t.Context(), active(2, time.Now())), "nobody is told")
	}
	assert.Equal(t, []string{"query_active_count 1"}, bare.series(t))

	exp := startExporter(t)
	door := startDoor(t, exp)
	door.send(t, 0, ahead)
	for range attempts { // two in a row are enough when the second is not held up on its way
		door.send(t, 0, active(2, time.Now()))
		if slices.Equal(exp.series(t), []string{"query_active_count 2"}) {
			return
		}
	}
	t.Errorf("after %d requests the exporter shows %q", attempts, exp.series(t))
}

// spell gives a series as the name, the labels but for those of every series,
// and the value.
func spell(name string, labels scrape.Labels, value string) string {
	words := []string{name}
	for label, text := range labels {
		if label != "job" && label != "instance" {
			words = append(words, label+"="+text)
		}
	}
	slices.Sort(words[1:])
	return strings.Join(append(words, value), " ")
}

func clone(md pmetric.Metrics) pmetric.Metrics {
	copied := pmetric.NewMetrics()
	md.CopyTo(copied)
	return copied
}
