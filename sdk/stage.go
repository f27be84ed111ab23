// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Stage is one kind of work inside a query. It decides the name, kind and standard attributes of a span.
type Stage uint8

// The stages of a query. Those marked leaf are recorded at level Detail only.
const (
	StageFilter      Stage = iota + 1 // filter.process
	StageExpression                   // expression.evaluate, leaf of filter
	StageWindow                       // window.process
	StageAccumulate                   // window.accumulate, leaf of window
	StageTrigger                      // window.trigger, leaf of window
	StageAggregation                  // aggregation.process
	StageStateUpdate                  // aggregation.state.update, leaf of aggregation
	StageCompute                      // aggregation.compute, leaf of aggregation
	StageJoin                         // join.process
	StageOutput                       // output.emit {output.stream}
	StageFormat                       // sink.format, leaf of output
	StageSend                         // sink.send {eventflux.sink.type}, leaf of output
	StagePattern                      // pattern.match
)

// String returns the stage's span name without the part that varies.
func (s Stage) String() string {
	return s.shape().name
}

// shape is what the conventions say about a stage.
type shape struct {
	name      string
	nameKey   attribute.Key // whose value is appended to the name
	kind      trace.SpanKind
	leaf      bool
	processor string // processor.type, empty if the span has none
	work      string // processor.type in profiles, where the span has none
	query     bool   // carries query.id
	count     bool   // carries event.count
	window    bool   // carries window.type and, if known, eventflux.window.duration
	output    bool   // carries output.stream
	stream    bool   // carries stream.name, the stream a sink consumes
}

var shapes = [...]shape{
	StageFilter:      {name: "filter.process", processor: "filter", query: true, count: true},
	StageExpression:  {name: "expression.evaluate", processor: "expression", query: true, leaf: true},
	StageWindow:      {name: "window.process", processor: "window", query: true, count: true, window: true},
	StageAccumulate:  {name: "window.accumulate", work: "window", query: true, count: true, window: true, leaf: true},
	StageTrigger:     {name: "window.trigger", work: "window", query: true, count: true, window: true, leaf: true},
	StageAggregation: {name: "aggregation.process", processor: "aggregation", query: true, count: true},
	StageStateUpdate: {name: "aggregation.state.update", work: "aggregation", query: true, count: true, leaf: true},
	StageCompute:     {name: "aggregation.compute", work: "aggregation", query: true, leaf: true},
	StageJoin:        {name: "join.process", processor: "join", query: true, count: true},
	StageOutput:      {name: "output.emit", work: "output", nameKey: semconv.OutputStreamKey, query: true, count: true, output: true},
	StageFormat:      {name: "sink.format", work: "output", count: true, stream: true, leaf: true},
	StageSend:        {name: "sink.send", work: "output", nameKey: semconv.SinkTypeKey, kind: trace.SpanKindProducer, count: true, stream: true, leaf: true},
	StagePattern:     {name: "pattern.match", processor: "pattern", query: true, count: true},
}

// shape returns what is known about s; an undefined stage gets a name of its own instead of a panic.
func (s Stage) shape() *shape {
	if int(s) >= len(shapes) || s == 0 {
		return &shape{name: "unknown.process", query: true}
	}
	return &shapes[s]
}

// attributes appends to set the stage's standard attributes and then given, which wins where both name a key.
func (s *shape) attributes(set []attribute.KeyValue, q *Query, count int, given []attribute.KeyValue) []attribute.KeyValue {
	add := func(carries bool, kv attribute.KeyValue) {
		if carries && !has(given, kv.Key) {
			set = append(set, kv)
		}
	}
	add(s.query, semconv.QueryIDKey.String(q.id))
	add(s.count, semconv.EventCountKey.Int(count))
	add(s.processor != "", semconv.ProcessorTypeKey.String(s.processor))
	if s.window {
		windowType, duration := q.window(given)
		add(windowType != "", semconv.WindowTypeKey.String(windowType))
		add(duration > 0, semconv.WindowDurationKey.Float64(duration.Seconds()))
	}
	if s.output || s.stream {
		stream := q.firstOutput()
		add(s.output && stream != "", semconv.OutputStreamKey.String(stream))
		add(s.stream && stream != "", semconv.StreamNameKey.String(stream))
	}
	return append(set, given...)
}

// spanName returns the name of a span of this stage with the given attributes.
func (s *shape) spanName(attrs []attribute.KeyValue) string {
	if s.nameKey == "" {
		return s.name
	}
	for _, kv := range attrs {
		if kv.Key == s.nameKey {
			return s.name + " " + kv.Value.AsString()
		}
	}
	return s.name
}

func has(attrs []attribute.KeyValue, key attribute.Key) bool {
	for _, kv := range attrs {
		if kv.Key == key {
			return true
		}
	}
	return false
}
