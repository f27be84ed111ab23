// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// legacyPrefix is what the exporters of older engines put before every name.
const legacyPrefix = "eventflux_"

// keyErrorType is required of errors, and older engines do not send it.
const (
	keyErrorType     = "error.type"
	unknownErrorType = "unknown"
	metricErrors     = "query.execution.errors"
)

// legacyNames are the names of older engines and what they are called now.
var legacyNames = map[string]string{
	"query_throughput_total": "query.events.processed",
	"events_processed_total": "query.events.processed",
	"stream_events_total":    "stream.events.received",
	"stream_throughput":      "stream.events.received",
	"query_errors_total":     metricErrors,
	"errors_total":           metricErrors,
	"stream_backpressure":    "stream.backpressure.events",
	"active_queries":         "query.active.count",
}

// generic are legacy names that other software uses too. They mean an engine
// only beside a name that no one else has.
var generic = map[string]bool{"events_processed_total": true, "errors_total": true, "active_queries": true}

// legacyLabels are the labels of legacy metrics, old and new.
var legacyLabels = [][2]string{
	{"query_id", "query.id"},
	{"stream", "stream.name"},
	{"stream_name", "stream.name"},
	{"error_type", keyErrorType},
}

// Repaired counts points. Every point that came is among those left, except
// the Doubled ones.
type Repaired struct {
	Renamed int // left under the name of the conventions
	Doubled int // taken out: the same resource has the series under another name
}

// RepairMetrics gives the metrics of older engines their names, labels and units
// of today.
//
// A metric is left as it is when its type cannot be that of its new name, such as
// a rate where a counter is wanted. Where two metrics of the resource would get
// one name, a series that both have would be counted twice, or dropped by the
// Prometheus exporter: that of the metric with the new name stays, else that of
// the first, and the points of the other are taken out. Series that only one of
// them has stay. Without a legacy name the cost is a look-up for each metric.
func RepairMetrics(rm pmetric.ResourceMetrics) Repaired {
	taken, found := names(rm)
	if !found {
		return Repaired{}
	}
	var did Repaired
	for _, sm := range rm.ScopeMetrics().All() {
		sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
			now, old := target(m.Name(), taken.engine)
			if !old || !typeFits(metricPlans[now].instrument, m) {
				return false
			}
			by, ok := taken.now[now]
			if !ok {
				by = m.Name()
				taken.now[now] = by
			}
			other := by != m.Name()
			rename(m, now)
			if other {
				did.Doubled += takeOut(m, taken.series[now])
			}
			taken.add(m)
			did.Renamed += pointCount(m)
			return other && pointCount(m) == 0
		})
	}
	return did
}

// takeOut removes the points of series, and returns how many they were.
func takeOut(m pmetric.Metric, series map[string]struct{}) int {
	before := pointCount(m)
	numbers(m).RemoveIf(func(p pmetric.NumberDataPoint) bool {
		_, both := series[labels(p.Attributes())]
		return both
	})
	return before - pointCount(m)
}

// labels spells attributes in an order of their own. What means the same is alike:
// the labels of older engines and those of today, and values that Prometheus
// spells alike.
func labels(attrs pcommon.Map) string {
	pairs := make([]string, 0, attrs.Len())
	for key, value := range attrs.All() {
		for _, label := range legacyLabels {
			if key == label[0] {
				key = label[1]
			}
		}
		pairs = append(pairs, strconv.Quote(key)+"="+strconv.Quote(value.AsString()))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// census is what the metrics of one resource are called.
type census struct {
	now    map[string]string              // names of the conventions, and under which name each came
	engine bool                           // a name is there that only engines have
	series map[string]map[string]struct{} // by name of the conventions, of the metrics that have it
}

// add notes the series of a metric.
func (c census) add(m pmetric.Metric) {
	if m.Type() != pmetric.MetricTypeSum && m.Type() != pmetric.MetricTypeGauge {
		return
	}
	series := c.series[m.Name()]
	if series == nil {
		series = make(map[string]struct{})
		c.series[m.Name()] = series
	}
	for _, p := range numbers(m).All() {
		series[labels(p.Attributes())] = struct{}{}
	}
}

// names takes the census if a legacy name is there.
func names(rm pmetric.ResourceMetrics) (census, bool) {
	var found bool
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			_, old := target(m.Name(), true)
			found = found || old
		}
	}
	if !found {
		return census{}, false
	}
	c := census{now: make(map[string]string), series: make(map[string]map[string]struct{})}
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			_, known := metricPlans[m.Name()]
			_, old := target(m.Name(), false)
			c.engine = c.engine || old || known && !strings.HasPrefix(m.Name(), "connection")
			if known {
				c.now[m.Name()] = m.Name()
				c.add(m)
			}
		}
	}
	return c, true
}

// target returns what a legacy metric is called now, and whether it is one.
func target(name string, engine bool) (string, bool) {
	base, prefixed := strings.CutPrefix(name, legacyPrefix)
	now, ok := legacyNames[base]
	return now, ok && (engine || prefixed || !generic[base])
}

// rename is for sums and gauges only: no legacy name stands for a histogram.
func rename(m pmetric.Metric, now string) {
	m.SetName(now)
	m.SetUnit(metricPlans[now].unit)
	for _, p := range numbers(m).All() {
		relabel(p.Attributes(), now)
	}
}

func relabel(attrs pcommon.Map, name string) {
	for _, label := range legacyLabels {
		old, ok := attrs.Get(label[0])
		if !ok {
			continue
		}
		if _, both := attrs.Get(label[1]); !both {
			value := pcommon.NewValueEmpty()
			old.CopyTo(value)
			value.CopyTo(attrs.PutEmpty(label[1]))
		}
		attrs.Remove(label[0])
	}
	if _, ok := attrs.Get(keyErrorType); !ok && name == metricErrors {
		attrs.PutStr(keyErrorType, unknownErrorType)
	}
}

func numbers(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}
