// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// assertConvention holds what the SDK does for a span against the conventions.
func assertConvention(t *testing.T, s shape) semconv.Span {
	t.Helper()
	for span := range semconv.Spans() {
		if span.Name() != s.name {
			continue
		}
		assert.Equal(t, span.NameKey(), s.nameKey, s.name)
		assert.Equal(t, or(span.Kind(), trace.SpanKindInternal), or(s.kind, trace.SpanKindInternal), s.name)
		assert.Equal(t, span.Level() == semconv.LevelDetail, s.leaf, s.name)
		return span
	}
	t.Fatalf("%s is no span of the conventions", s.name)
	return 0
}

func TestStagesAreTheSpansOfTheConventions(t *testing.T) {
	for stage := StageFilter; int(stage) < len(shapes); stage++ {
		shape := stage.shape()
		span := assertConvention(t, *shape)
		for _, kv := range shape.attributes(nil, &Query{id: "q"}, 1, nil) {
			assert.Contains(t, span.Attributes(), kv.Key, shape.name)
		}
	}
}

func TestOperationsAreTheSpansOfTheConventions(t *testing.T) {
	for o := OperationCheckpoint; int(o) < len(operations); o++ {
		assertConvention(t, o.shape().shape)
	}
}
