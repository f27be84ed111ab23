// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// The trace context of whoever sends an event.
const (
	theirTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	theirState   = "vendor=value"
	theirBaggage = "customer=42"
)

// received is what leaves the engine.
type received struct {
	header http.Header
	body   string
}

// relay sends one event through both nodes, over links of the given protocol, and returns what came out and all spans.
func relay(t *testing.T, protocol string) (received, []recorded.Span) {
	t.Helper()
	out := make(chan received, 16)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		out <- received{r.Header, string(body)}
	}))
	t.Cleanup(target.Close)
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	backend.Start(t)
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte(everyTrace), 0o600))
	link, listen := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	node := func(name string, args ...string) *run.Process {
		args = append([]string{
			"run", filepath.Join(run.Root(t), "test", "e2e", "testdata", "relay.toml"), "--node", name, "--instance", "node-" + name,
			"--config", config, "--protocol", protocol, "--drain-period", "0",
		}, args...)
		env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + backend.Addr()}
		return run.Start(t, "node "+name, run.Binary(t, "eventflux-engine"), args, env)
	}
	b := node("b", "--listen", link, "--set", "url="+target.URL)
	a := node("a", "--peers", "b="+link, "--set", "listen="+listen)
	run.Eventually(t, "node a listens", func() bool { return strings.Contains(a.Output(), "source listens") })
	post(t, "http://"+listen+"/events")
	got := <-out
	require.Zero(t, a.Stop())
	require.Zero(t, b.Stop())
	return got, backend.Spans()
}

func post(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"kind":"order","number":7}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", "00-"+theirTrace+"-00f067aa0ba902b7-01")
	request.Header.Set("tracestate", theirState)
	request.Header.Set("baggage", theirBaggage)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
}

func TestATraceFromOutsideCrossesBothNodesAndLeaves(t *testing.T) {
	for _, protocol := range []string{"grpc", "tcp"} {
		t.Run(protocol, func(t *testing.T) {
			got, spans := relay(t, protocol)
			assert.JSONEq(t, `{"kind":"order","number":7,"colour":"red"}`, withoutTime(got.body))
			assert.Contains(t, got.header.Get("traceparent"), theirTrace)
			assert.Equal(t, theirState, got.header.Get("tracestate"))
			assert.Equal(t, theirBaggage, got.header.Get("baggage"))

			var names []string
			nodes := map[string]bool{}
			for _, s := range spans {
				if s.TraceID().String() != theirTrace {
					continue
				}
				names = append(names, s.Name())
				nodes[recorded.Text(s.Resource, "service.instance.id")] = true
				assert.Equal(t, theirState, s.TraceState().AsRaw(), s.Name())
				if s.Name() == "join.process" {
					assert.Equal(t, "join", recorded.Text(s.Attributes(), "processor.type"))
				}
			}
			assert.Len(t, nodes, 2)
			for _, want := range []string{
				"query.execute first", "filter.process", "sink.send " + protocol, "transport.send event", "transport.receive event",
				"query.execute second", "join.process", "sink.send http",
			} {
				assert.True(t, slices.Contains(names, want), "%s is missing in %v", want, names)
			}
		})
	}
}

// withoutTime leaves the time of an event out.
func withoutTime(line string) string {
	before, after, ok := strings.Cut(line, `"time":"`)
	if !ok {
		return line
	}
	_, after, _ = strings.Cut(after, `",`)
	return before + after
}
