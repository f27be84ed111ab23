// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

func TestStagesAreTheSpansOfTheConventions(t *testing.T) {
	known := make(map[string]semconv.Span)
	for s := range semconv.Spans() {
		known[s.Name()] = s
	}
	for stage := StageFilter; int(stage) < len(shapes); stage++ {
		shape := stage.shape()
		span, ok := known[shape.name]
		if !assert.True(t, ok, "%s is no span of the conventions", shape.name) {
			continue
		}
		assert.Equal(t, span.NameKey(), shape.nameKey, shape.name)
		assert.Equal(t, or(span.Kind(), trace.SpanKindInternal), or(shape.kind, trace.SpanKindInternal), shape.name)
		assert.Equal(t, span.Level() == semconv.LevelDetail, shape.leaf, shape.name)
		for _, kv := range shape.attributes(nil, &Query{id: "q"}, 1, nil) {
			assert.Contains(t, span.Attributes(), kv.Key, shape.name)
		}
	}
}

func TestOperationsAreTheSpansOfTheConventions(t *testing.T) {
	known := make(map[string]semconv.Span)
	for s := range semconv.Spans() {
		known[s.Name()] = s
	}
	for o := OperationCheckpoint; int(o) < len(operations); o++ {
		shape := o.shape()
		span, ok := known[shape.name]
		if !assert.True(t, ok, "%s is no span of the conventions", shape.name) {
			continue
		}
		assert.Equal(t, span.NameKey(), shape.nameKey, shape.name)
		assert.Equal(t, or(span.Kind(), trace.SpanKindInternal), or(shape.kind, trace.SpanKindInternal), shape.name)
		assert.Equal(t, span.Level() == semconv.LevelDetail, shape.leaf, shape.name)
	}
}
