// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// tree is the span tree of the requirements: each name with its parent's. A
// star stands for what names the stream, query or sink.
var tree = map[string]string{
	"event.ingest *":           "query.execute *",
	"source.read *":            "event.ingest *",
	"junction.send *":          "event.ingest *",
	"filter.process":           "query.execute *",
	"expression.evaluate":      "filter.process",
	"window.process":           "query.execute *",
	"window.accumulate":        "window.process",
	"window.trigger":           "window.process",
	"aggregation.process":      "query.execute *",
	"aggregation.state.update": "aggregation.process",
	"aggregation.compute":      "aggregation.process",
	"output.emit *":            "query.execute *",
	"sink.format":              "output.emit *",
	"sink.send *":              "output.emit *",
	"transport.send *":         "sink.send *",
	"transport.receive *":      "transport.send *",
}

func starred(name string) string {
	if first, _, two := strings.Cut(name, " "); two {
		return first + " *"
	}
	return name
}

// assertTrace looks for one trace id under which node A and node B together
// have the whole tree.
func assertTrace(t *testing.T, path string) {
	t.Helper()
	var whole []recorded.Span
	run.Eventually(t, "a trace holds the whole tree of both nodes", func() bool {
		for _, spans := range traces(t, path) {
			if isWhole(spans) {
				whole = spans
				return true
			}
		}
		return false
	})
	byID := map[pcommon.SpanID]recorded.Span{}
	for _, s := range whole {
		byID[s.SpanID()] = s
	}
	documented := documentedSpans(t)
	roots := 0
	for _, s := range whole {
		parent, found := byID[s.ParentSpanID()]
		if want, ok := tree[starred(s.Name())]; ok {
			require.True(t, found, "%s is an orphan", s.Name())
			assert.Equal(t, want, starred(parent.Name()), "parent of %s", s.Name())
		}
		if s.ParentSpanID().IsEmpty() {
			roots++
			assert.Equal(t, "query.execute price_filter", s.Name())
		}
		documented.check(t, s)
		if s.Name() == "query.execute price_filter" {
			assert.NotEmpty(t, recorded.Text(s.Attributes(), "event.count"))
		}
		if s.Name() == "filter.process" {
			assert.Equal(t, "filter", recorded.Text(s.Attributes(), "processor.type"))
		}
		if strings.HasPrefix(s.Name(), "window.") {
			assertWindow(t, s)
		}
	}
	assert.Equal(t, 1, roots)
}

// assertWindow checks what the span of a window says about it.
func assertWindow(t *testing.T, s recorded.Span) {
	t.Helper()
	duration, timed := s.Attributes().Get("eventflux.window.duration")
	switch kind := recorded.Text(s.Attributes(), "window.type"); kind {
	case "tumbling":
		require.True(t, timed, s.Name())
		assert.Equal(t, 24*time.Hour.Seconds(), duration.Double())
	case "session":
		require.True(t, timed, s.Name())
		assert.Equal(t, 5.0, duration.Double())
	case "lengthBatch":
		assert.False(t, timed, s.Name())
	default:
		assert.Equal(t, "sliding", kind)
		if timed { // that of price_alert is bounded by a number of results, that of sector_trend by time
			assert.Equal(t, 5.0, duration.Double())
		}
	}
}

// isWhole reports whether the trace began at the source of node A, every name
// of the tree is there, and both nodes are. A batch that was not traced in its
// first query may be in a later one; its trace lacks what came before.
func isWhole(spans []recorded.Span) bool {
	names, nodes := map[string]bool{}, map[string]bool{}
	for _, s := range spans {
		names[starred(s.Name())] = true
		names[s.Name()] = true
		nodes[recorded.Text(s.Resource, "service.instance.id")] = true
	}
	for name := range tree {
		if !names[name] {
			return false
		}
	}
	return names["query.execute price_filter"] && nodes["node-a"] && nodes["node-b"]
}

func traces(t *testing.T, path string) map[pcommon.TraceID][]recorded.Span {
	t.Helper()
	spans, err := recorded.Spans(path)
	require.NoError(t, err)
	byTrace := map[pcommon.TraceID][]recorded.Span{}
	for _, s := range spans {
		byTrace[s.TraceID()] = append(byTrace[s.TraceID()], s)
	}
	return byTrace
}

// assertTimerLinks follows the links of a window that a timer closed.
func assertTimerLinks(t *testing.T, path string) {
	t.Helper()
	run.Eventually(t, "a root of trade_rate links batches that are recorded too", func() bool {
		byTrace := traces(t, path)
		for _, spans := range byTrace {
			for _, s := range spans {
				if s.Name() != "query.execute trade_rate" || s.Links().Len() == 0 || !s.ParentSpanID().IsEmpty() {
					continue
				}
				for _, link := range s.Links().All() {
					fed := byTrace[link.TraceID()]
					if slices.ContainsFunc(fed, func(f recorded.Span) bool { return f.SpanID() == link.SpanID() }) {
						return true
					}
				}
			}
		}
		return false
	})
}
