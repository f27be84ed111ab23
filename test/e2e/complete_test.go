// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
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
