// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small is a registry without a fault: one metric of one handle, one span, one event.
const small = `groups:
  - id: registry.all
    type: attribute_group
    brief: All attributes.
    attributes:
      - id: query.id
        stability: development
        type: string
        brief: The query.
        examples: ["q"]
      - id: result
        stability: development
        type: {members: [{id: success, value: success, stability: development}]}
        brief: The result.
  - id: handle.query
    type: attribute_group
    brief: A query.
    annotations: {eventflux: {handle: {go: Query, owner: App, prefix: query}}}
    attributes: [{ref: query.id, requirement_level: required}]
  - id: metric.query.latency
    type: metric
    metric_name: query.latency
    stability: development
    brief: The latency.
    instrument: histogram
    unit: s
    extends: handle.query
    annotations: {eventflux: {level: basic, prometheus_name: query_latency_seconds, buckets: latency}}
    attributes: [{ref: result, requirement_level: required}]
  - id: span.query
    type: span
    span_kind: internal
    stability: development
    display_name: Query
    brief: A query at work.
    annotations: {eventflux: {level: basic, name: "query.execute {query.id}", parent: none}}
    attributes: [{ref: query.id, requirement_level: required}]
  - id: event.query.started
    type: event
    name: query.started
    stability: development
    brief: A query began.
    annotations: {eventflux: {severity: info}}
    attributes: [{ref: query.id, requirement_level: recommended}]
`

const smallSettings = `
families: [{file: all.yaml, title: All}]
buckets: {latency: [0.1, 1]}
imports: [{id: error.type, stability: development, type: string, brief: The error., examples: ["x"]}]
`

func folder(registry, settings string) fstest.MapFS {
	return fstest.MapFS{
		"settings.yaml":                   {Data: []byte(settings)},
		"registry/all.yaml":               {Data: []byte(registry)},
		"registry/registry_manifest.yaml": {Data: []byte("name: for Weaver only")},
	}
}

func TestTheRegistryIsResolved(t *testing.T) {
	r, err := Load(folder(small, smallSettings))
	require.NoError(t, err)
	require.Len(t, r.Metrics, 1)
	m := r.Metrics[0]
	assert.Equal(t, "Query", m.Handle.Go)
	require.Len(t, m.Attributes(), 2)
	assert.Equal(t, "query.id", m.Attributes()[0].Key, "the handle's attributes come first")
	assert.Equal(t, "enum", m.Attributes()[1].Type)
	assert.Equal(t, m, r.Families[0].Metrics[0])
	assert.Equal(t, "query.id", r.Spans[0].NameKey.Key)
	assert.False(t, r.Events[0].Attributes[0].Required())
	assert.True(t, r.Attributes[2].Imported, "imports come last")
}

func TestWhatTheCollectorMakesIsNotAmongWhatEnginesSend(t *testing.T) {
	r, err := Load(folder(small+`
  - id: handle.engine
    type: attribute_group
    brief: An engine.
    annotations: {eventflux: {handle: {go: Engine, owner: Collector, prefix: engine}}}
  - id: metric.engine.up
    type: metric
    metric_name: engine.up
    stability: development
    brief: Whether it lives.
    instrument: gauge
    unit: "{engine}"
    extends: handle.engine
    annotations: {eventflux: {level: basic, prometheus_name: engine_up, method: "-"}}
`, smallSettings))
	require.NoError(t, err)
	assert.Len(t, r.Metrics, 1)
	require.Len(t, r.Derived, 1)
	assert.False(t, r.Derived[0].Handle.Sent())
	assert.False(t, r.Derived[0].Handle.Served())
	assert.Equal(t, r.Derived[0], r.Families[0].Metrics[1], "it is documented with the others")
}

func TestEveryFaultIsNamedWithFileAndID(t *testing.T) {
	for name, c := range map[string]struct{ old, changed, fault string }{
		"unknown key": {
			"instrument: histogram", "instrument: histogram\n    instrment: x",
			"all.yaml: metric.query.latency: field instrment not found",
		},
		"unknown key of an annotation": {
			"{level: basic, prom", "{levl: basic, prom", "all.yaml: metric.query.latency: field levl not found",
		},
		"unknown key of a member": {
			"{id: success,", "{id: success, x: y,", "all.yaml: registry.all: field x not found",
		},
		"unknown type":         {"type: span", "type: spam", `all.yaml: span.query: has type "spam"`},
		"no brief":             {"brief: The latency.", "", "all.yaml: metric.query.latency: has no brief"},
		"unknown attribute":    {"{ref: result", "{ref: reslt", `all.yaml: metric.query.latency: refers to the attribute "reslt"`},
		"attribute twice":      {"id: result", "id: query.id", "all.yaml: registry.all: the attribute query.id exists already in all.yaml: registry.all"},
		"attribute of OTel":    {"id: result", "id: error.type", "settings.yaml: imports: the attribute error.type exists already in all.yaml: registry.all"},
		"no examples":          {"examples: [\"q\"]", "", "all.yaml: registry.all: query.id has no examples"},
		"id twice":             {"id: span.query", "id: metric.query.latency", "all.yaml: metric.query.latency: the id metric.query.latency exists already"},
		"instrument":           {"instrument: histogram", "instrument: summary", `all.yaml: metric.query.latency: instrument is "summary"`},
		"level":                {"{level: basic, prom", "{level: some, prom", `level is "some"`},
		"name":                 {"metric_name: query.latency", "metric_name: query.Latency", `the name "query.Latency" is not made of lower-case words`},
		"unit":                 {"unit: s", "unit: ms", `the unit "ms" is none of`},
		"Prometheus name":      {"_seconds,", "_secs,", `prometheus_name is "query_latency_secs", but name, unit and instrument make it "query_latency_seconds"`},
		"buckets":              {"buckets: latency", "buckets: slow", `buckets is "slow", want one of latency`},
		"no handle":            {"extends: handle.query", "extends: handle.sink", `extends "handle.sink", which is no handle`},
		"owner":                {"owner: App", "owner: Host", `all.yaml: handle.query: the owner of a handle is "Host"`},
		"attribute of handle":  {"{ref: result", "{ref: query.id", "query.id belongs to handle.query already"},
		"optional label":       {"[{ref: result, requirement_level: required}", "[{ref: result, requirement_level: opt_in}", "result is not required"},
		"number as a label":    {"type: {members: [{id: success, value: success, stability: development}]}", "type: int\n        examples: [1]", "result is a number"},
		"requirement":          {"{ref: result, requirement_level: required}", "{ref: result}", `result has requirement_level ""`},
		"fixed without code":   {"buckets: latency", "buckets: latency, fixed: true", `want method "-"`},
		"SDK without code":     {"owner: App", "owner: SDK", "engines do not record the metrics of Query"},
		"span kind":            {"span_kind: internal", "span_kind: inner", `span_kind is "inner"`},
		"name of a span":       {"{query.id}\"", "{query}\"", `is named "query.execute {query}", which must end in one of its attributes`},
		"severity":             {"severity: info", "severity: loud", `all.yaml: event.query.started: severity is "loud"`},
		"group without a role": {"id: registry.all", "id: other.all", "an attribute_group is either named registry.* or has annotations.eventflux.handle"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, small, c.old)
			_, err := Load(folder(strings.Replace(small, c.old, c.changed, 1), smallSettings))
			assert.ErrorContains(t, err, c.fault)
		})
	}
}

func TestSettingsAreCheckedToo(t *testing.T) {
	for name, c := range map[string]struct{ old, changed, fault string }{
		"unknown key":       {"buckets:", "bucket:", "settings.yaml: field bucket not found"},
		"missing file":      {"all.yaml", "some.yaml", "settings.yaml: families: there is no registry/some.yaml"},
		"file not listed":   {"all.yaml", "some.yaml", "all.yaml: metric.query.latency: the file is not among the families"},
		"type of an import": {"type: string", "type: text", `settings.yaml: imports: the type of error.type is "text"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(folder(small, strings.Replace(smallSettings, c.old, c.changed, 1)))
			assert.ErrorContains(t, err, c.fault)
		})
	}
}

func TestTooManyAttributesAreRefused(t *testing.T) {
	more := "attributes: [{ref: result, requirement_level: required}, {ref: a, requirement_level: required}, {ref: b, requirement_level: required}]"
	text := strings.Replace(small, "attributes: [{ref: result, requirement_level: required}]", more, 1)
	text += `  - id: registry.more
    type: attribute_group
    brief: More.
    attributes:
      - {id: a, stability: development, type: string, brief: A., examples: [x]}
      - {id: b, stability: development, type: int, brief: B., examples: [1]}
`
	_, err := Load(folder(text, smallSettings))
	assert.ErrorContains(t, err, "all.yaml: metric.query.latency: has 3 attributes beyond those of handle.query, want at most 2")
}

func TestPrometheusNamesFollowNameUnitAndInstrument(t *testing.T) {
	for _, c := range []struct{ name, unit, instrument, want string }{
		{"query.events.processed", "{event}", "counter", "query_events_processed_total"},
		{"connections.total", "{connection}", "counter", "connections_total"},
		{"query.window.size", "By", "updowncounter", "query_window_size_bytes"},
		{"a.bytes.free", "By", "gauge", "a_free_bytes"},
		{"eventflux.cpu.usage", "%", "gauge", "eventflux_cpu_usage_percent"},
		{"process.cpu.time", "s", "counter", "process_cpu_time_seconds_total"},
		{"rate", "{event}/s", "gauge", "rate_per_second"},
		{"io.rate", "By/s", "gauge", "io_rate_bytes_per_second"},
	} {
		got, err := PrometheusName(c.name, c.unit, c.instrument)
		assert.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	for _, unit := range []string{"", "1", "{event", "{}", "{event}/min"} {
		_, err := PrometheusName("x", unit, "gauge")
		assert.Error(t, err, unit)
	}
}

func TestTheProjectsRegistryIsWithoutFault(t *testing.T) {
	r, err := Load(os.DirFS("../../../../../sdk/semconv"))
	require.NoError(t, err)
	fixed := 0
	for _, m := range r.Metrics {
		if m.Fixed {
			fixed++
		}
	}
	assert.Equal(t, 20, fixed)
	assert.Len(t, r.Resource, 6)
}
