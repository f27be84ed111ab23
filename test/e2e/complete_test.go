// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// everyTrace opens the sampling gate: each batch is traced.
const everyTrace = `
[telemetry]
level = "detail"
traces_per_query = 100000.0
traces_total = 100000.0
`

const (
	tracedBatches = 6000 // of one event; price_filter and trade_rate trace each
	leastTraces   = 10_000
)

// The gateway hands the spans to a backend: its file would rotate.
func TestTenThousandTracesHaveNoOrphans(t *testing.T) {
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	backend.Start(t)
	c := run.StartCollector(t, "gateway", map[string]string{"EVENTFLUX_OTLP_ENDPOINT": backend.Addr()})
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte(everyTrace), 0o600))
	e := run.NewEngine{
		Endpoint: c.Endpoint(), Both: []string{"--config", config, "--set", "batch=1"}, B: []string{"--set", "threshold=0.0001"},
		A:   []string{"--events", fmt.Sprint(tracedBatches), "--rate", "800", "--set", "window=100ms"},
		Env: map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "65536", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"},
	}.Start(t)
	require.Zero(t, e.A.Wait(), "node a has flushed its spans")
	run.Eventually(t, "the end of the input has passed node b", func() bool {
		return strings.Contains(e.B.Output(), "totals at the end of the input")
	})
	require.Zero(t, e.B.Stop(), "node b has flushed its spans")

	var f forest
	run.Eventually(t, "ten thousand traces are whole", func() bool {
		f = grow(backend.Spans())
		return len(f.traces) >= leastTraces && len(f.faults()) == 0 || !c.Running()
	})
	faults := f.faults()
	assert.Empty(t, faults[:min(len(faults), 10)])
	assert.GreaterOrEqual(t, len(f.traces), leastTraces)
	assert.Positive(t, f.links, "links of timer windows")
	assert.Len(t, f.nodes, 2)
	assert.Greater(t, f.crossing, 20, "traces with spans of both nodes")
	assert.Equal(t, slices.Sorted(maps.Keys(demoQueries)), f.queries())
	for query, node := range demoQueries {
		assert.True(t, f.leadsBack(query, node), "no trace of %s on %s leads back to its source", query, node)
	}
	t.Logf("%d traces, %d spans, %d links, %d traces over both nodes", len(f.traces), len(f.spans), f.links, f.crossing)
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// forest is a set of spans by what identifies them.
type forest struct {
	spans           map[spanKey]recorded.Span
	traces          map[pcommon.TraceID]map[string]bool // the nodes of each
	nodes           map[string]bool
	links, crossing int
}

func grow(spans []recorded.Span) forest {
	f := forest{spans: map[spanKey]recorded.Span{}, traces: map[pcommon.TraceID]map[string]bool{}, nodes: map[string]bool{}}
	for _, s := range spans {
		f.spans[spanKey{s.TraceID(), s.SpanID()}] = s
		if f.traces[s.TraceID()] == nil {
			f.traces[s.TraceID()] = map[string]bool{}
		}
		node := recorded.Text(s.Resource, "service.instance.id")
		f.traces[s.TraceID()][node], f.nodes[node] = true, true
		f.links += s.Links().Len()
	}
	for _, nodes := range f.traces {
		if len(nodes) == 2 {
			f.crossing++
		}
	}
	return f
}

// demoQueries are the queries of the demo application, and the node of each. What feeds
// pulse is a trigger, not a source.
var demoQueries = map[string]string{
	"price_filter": "node-a", "stock_aggregation": "node-a", "trade_rate": "node-a", "trade_blocks": "node-a", "pulse": "node-a",
	"symbol_join": "node-b", "price_alert": "node-b", "latest_prices": "node-b", "sector_trend": "node-b",
	"reversals": "node-b", "reversal_context": "node-b", "alert_stories": "node-b",
}

// queries returns the ids of all that were executed, in order.
func (f forest) queries() []string {
	ids := map[string]bool{}
	for _, s := range f.spans {
		if id, ok := strings.CutPrefix(s.Name(), "query.execute "); ok {
			ids[id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// leadsBack reports whether some execution of a query on a node comes, by parents and by the
// links of timer windows, from a batch that node A read, over the network if it ran on node B.
func (f forest) leadsBack(query, node string) bool {
	began := map[pcommon.TraceID]bool{} // with what a source read
	for _, s := range f.spans {
		if strings.HasPrefix(s.Name(), "source.read ") {
			began[s.TraceID()] = true
		}
	}
	for key, s := range f.spans {
		if s.Name() != "query.execute "+query || recorded.Text(s.Resource, "service.instance.id") != node {
			continue
		}
		if query == "pulse" {
			return s.ParentSpanID().IsEmpty()
		}
		if source, crossed := f.origin(key, began, false); source && crossed == (node == "node-b") {
			return true
		}
	}
	return false
}

// origin goes up from a span to where its batch was read.
func (f forest) origin(at spanKey, began map[pcommon.TraceID]bool, crossed bool) (source, over bool) {
	s, ok := f.spans[at]
	if !ok {
		return false, false
	}
	crossed = crossed || strings.HasPrefix(s.Name(), "transport.send ")
	if !s.ParentSpanID().IsEmpty() {
		return f.origin(spanKey{at.trace, s.ParentSpanID()}, began, crossed)
	}
	if began[at.trace] {
		return true, crossed
	}
	for _, l := range s.Links().All() {
		if source, over = f.origin(spanKey{l.TraceID(), l.SpanID()}, began, crossed); source {
			return source, over
		}
	}
	return false, false
}

// faults names the orphans, the roots that should be none, and the links that
// lead nowhere.
func (f forest) faults() (found []string) {
	for key, s := range f.spans {
		first, _, _ := strings.Cut(s.Name(), " ")
		switch _, ok := f.spans[spanKey{key.trace, s.ParentSpanID()}]; {
		case s.ParentSpanID().IsEmpty():
			if first != "query.execute" && first != "app.deploy" {
				found = append(found, "a root of its own: "+s.Name())
			}
		case !ok:
			found = append(found, "an orphan: "+s.Name())
		}
		for _, l := range s.Links().All() {
			if _, ok := f.spans[spanKey{l.TraceID(), l.SpanID()}]; !ok {
				found = append(found, "a link to nothing: "+s.Name())
			}
		}
	}
	return found
}
