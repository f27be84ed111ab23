// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build jaeger

// Package jaeger looks at the traces of the reference engine in a real Jaeger, which
// `make jaeger-demo` builds.
package jaeger

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// trace is what /api/traces says of one.
type trace struct {
	TraceID string
	Spans   []struct {
		SpanID        string
		OperationName string
		ProcessID     string
		References    []struct{ RefType, TraceID, SpanID string }
	}
	Processes map[string]struct {
		ServiceName string
		Tags        []struct {
			Key   string
			Value any
		}
	}
}

// api asks Jaeger's query API, the one behind its search page.
func api[T any](t *testing.T, port int, path string) (answer T, err error) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		return answer, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer, err
	}
	var whole struct{ Data T }
	err = json.Unmarshal(body, &whole)
	return whole.Data, err
}

// tree is the span tree that the requirements ask for, as parent and child.
var tree = []string{
	"query.execute > event.ingest", "event.ingest > source.read", "event.ingest > junction.send",
	"query.execute > filter.process", "filter.process > expression.evaluate",
	"query.execute > window.process", "window.process > window.accumulate", "window.process > window.trigger",
	"query.execute > aggregation.process", "aggregation.process > aggregation.state.update",
	"aggregation.process > aggregation.compute",
	"query.execute > output.emit", "output.emit > sink.format", "output.emit > sink.send",
}

func kind(operation string) string {
	first, _, _ := strings.Cut(operation, " ")
	return first
}

// edges adds who is whose child in a trace, and returns how many spans lack their parent.
func (tr *trace) edges(seen map[string]bool) (orphans int) {
	byID := map[string]string{}
	for _, s := range tr.Spans {
		byID[s.SpanID] = s.OperationName
	}
	for _, s := range tr.Spans {
		for _, ref := range s.References {
			if ref.RefType != "CHILD_OF" {
				continue
			}
			parent, there := byID[ref.SpanID]
			if !there {
				orphans++
				continue
			}
			seen[kind(parent)+" > "+kind(s.OperationName)] = true
		}
	}
	return orphans
}

// nodes returns on how many nodes a trace has spans.
func (tr *trace) nodes() int {
	instances := map[any]bool{}
	for _, p := range tr.Processes {
		for _, tag := range p.Tags {
			if tag.Key == "service.instance.id" {
				instances[tag.Value] = true
			}
		}
	}
	return len(instances)
}

func TestJaegerShowsTheWholeSpanTree(t *testing.T) {
	binary := os.Getenv("JAEGER_BINARY")
	require.NotEmpty(t, binary, "JAEGER_BINARY is not set; run this by make jaeger-demo")
	otlpPort, queryPort, grpcPort := run.FreePort(t), run.FreePort(t), run.FreePort(t)
	config, err := filepath.Abs("testdata/jaeger.yaml")
	require.NoError(t, err)
	run.Start(t, "jaeger", binary, []string{"--config", config}, map[string]string{
		"JAEGER_OTLP_PORT": strconv.Itoa(otlpPort), "JAEGER_QUERY_PORT": strconv.Itoa(queryPort),
		"JAEGER_QUERY_GRPC_PORT": strconv.Itoa(grpcPort),
	})
	run.Eventually(t, "Jaeger answers", func() bool {
		_, err := api[[]string](t, queryPort, "/api/services")
		return err == nil
	})

	col := run.NewCollector(t)
	col.Launch("gateway", map[string]string{"EVENTFLUX_OTLP_ENDPOINT": fmt.Sprintf("127.0.0.1:%d", otlpPort)}, "backends/jaeger")
	col.WaitReady()
	detail := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(detail, []byte("[telemetry]\nlevel = \"detail\"\n"), 0o600))
	e := run.NewEngine{
		Endpoint: col.Endpoint(), Both: []string{"--config", detail, "--drain-period", "1s"}, A: []string{"--rate", "500", "--duration", "5s"},
	}.Start(t)
	require.Zero(t, e.A.Wait(), e.A.Output())
	require.Zero(t, e.B.Stop(), e.B.Output())
	require.Zero(t, col.Stop(), col.Output())

	services, err := api[[]string](t, queryPort, "/api/services")
	require.NoError(t, err)
	seen, traces, spans, orphans, nodes := map[string]bool{}, 0, 0, 0, 0
	for _, service := range services {
		found, err := api[[]trace](t, queryPort, "/api/traces?limit=5000&lookback=1h&service="+url.QueryEscape(service))
		require.NoError(t, err)
		for i := range found {
			traces++
			spans += len(found[i].Spans)
			orphans += found[i].edges(seen)
			nodes = max(nodes, found[i].nodes())
		}
	}
	t.Logf("services %v: %d traces, %d spans, %d without their parent, on %d nodes at most", services, traces, spans, orphans, nodes)
	for _, edge := range tree {
		assert.True(t, seen[edge], "%s is nowhere", edge)
	}
	assert.Zero(t, orphans, "spans whose parent Jaeger does not have")
	assert.Equal(t, 2, nodes, "a trace goes over both nodes")
}
