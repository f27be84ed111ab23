// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// Engine is the running reference engine: the instances "node-a" and "node-b".
type Engine struct {
	A, B *Process
}

// NewEngine says how to start the reference engine. It exports metrics every
// 200 ms and has no drain period unless a flag gives it one, which keeps tests
// short.
type NewEngine struct {
	Endpoint string
	Sink     string   // default a file of its own
	Both     []string // flags of both nodes
	A, B     []string // flags of one node
	Env      map[string]string
	EnvA     map[string]string // of one node, over Env
	EnvB     map[string]string
}

// Start starts node B, waits until it listens, and starts node A.
func (n NewEngine) Start(t testing.TB) *Engine {
	t.Helper()
	if n.Sink == "" {
		n.Sink = filepath.Join(t.TempDir(), "alerts.jsonl")
	}
	e := &Engine{}
	link := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	e.B = n.node(t, "b", append(n.B, "--listen", link, "--set", "sink="+n.Sink))
	Eventually(t, "node b listens", func() bool { return strings.Contains(e.B.Output(), "node b started") })
	e.A = n.node(t, "a", append(n.A, "--peers", "b="+link))
	return e
}

func (n NewEngine) node(t testing.TB, name string, args []string) *Process {
	t.Helper()
	args = append(append([]string{"--node", name, "--instance", "node-" + name, "--drain-period", "0"}, n.Both...), args...)
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + n.Endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "200",
	}
	maps.Copy(env, n.Env)
	maps.Copy(env, map[string]map[string]string{"a": n.EnvA, "b": n.EnvB}[name])
	return Start(t, "node "+name, Binary(t, "eventflux-engine"), args, env)
}
