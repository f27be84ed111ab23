// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Collector is a running otelcol-eventflux.
type Collector struct {
	*Process
	GRPC, HTTP, Prometheus, Health, Self int
	DataDir                              string
}

// StartCollector starts configs/<config>.yaml on free ports and waits until it
// is ready. env overrides what the harness sets.
func StartCollector(t testing.TB, config string, env map[string]string) *Collector {
	t.Helper()
	c := NewCollector(t)
	c.Launch(config, env)
	c.WaitReady()
	return c
}

// NewCollector chooses ports and a data folder without starting anything, so
// that several starts can share them.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	return &Collector{
		Process: &Process{t: t},
		GRPC:    FreePort(t), HTTP: FreePort(t), Prometheus: FreePort(t), Health: FreePort(t), Self: FreePort(t),
		DataDir: t.TempDir(),
	}
}

// Launch starts the collector with configs/<config>.yaml, and what goes on top of it,
// without waiting for it.
func (c *Collector) Launch(config string, env map[string]string, onTop ...string) {
	c.t.Helper()
	path := func(name string) string { return filepath.Join(Root(c.t), "configs", name+".yaml") }
	var more []string
	for _, name := range onTop {
		more = append(more, path(name))
	}
	c.LaunchFile(path(config), env, more...)
}

// LaunchFile is Launch with any configuration that listens where the shipped ones do.
func (c *Collector) LaunchFile(path string, env map[string]string, onTop ...string) {
	c.t.Helper()
	all := map[string]string{
		"EVENTFLUX_GRPC_PORT":       strconv.Itoa(c.GRPC),
		"EVENTFLUX_HTTP_PORT":       strconv.Itoa(c.HTTP),
		"EVENTFLUX_PROMETHEUS_PORT": strconv.Itoa(c.Prometheus),
		"EVENTFLUX_HEALTH_PORT":     strconv.Itoa(c.Health),
		"EVENTFLUX_SELF_PORT":       strconv.Itoa(c.Self),
		"EVENTFLUX_BIND":            "127.0.0.1",
		"EVENTFLUX_DATA_DIR":        c.DataDir,
		"EVENTFLUX_HOST":            "test-host",
	}
	maps.Copy(all, env)
	name := "collector " + strings.TrimSuffix(filepath.Base(path), ".yaml")
	args := []string{"--config", path}
	for _, more := range onTop {
		args = append(args, "--config", more)
	}
	c.Process = Start(c.t, name, Binary(c.t, "otelcol-eventflux"), args, all)
}

// WaitReady waits until /ready says 200.
func (c *Collector) WaitReady() {
	c.t.Helper()
	Eventually(c.t, "collector is ready", func() bool {
		if !c.Running() {
			c.t.Fatalf("collector ended before it was ready:\n%s", tail(c.Output(), 3000))
		}
		code, _ := c.Probe("/ready")
		return code == http.StatusOK
	})
}

// Probe asks the health port and returns code and body, 0 when nothing answers.
func (c *Collector) Probe(path string) (code int, body string) {
	code, _, body = get(c.t, "http://"+addr(c.Health)+path, "")
	return code, body
}

// Page gets the engines' metrics as text, with its content type.
func (c *Collector) Page(accept string) (code int, contentType, body string) {
	c.t.Helper()
	return get(c.t, c.metricsURL(), accept)
}

func (c *Collector) metricsURL() string { return "http://" + addr(c.Prometheus) + "/metrics" }

// Metrics scrapes the engines' metrics.
func (c *Collector) Metrics() scrape.Snapshot {
	c.t.Helper()
	return fetch(c.t, c.metricsURL())
}

// SelfMetrics scrapes the collector's own metrics.
func (c *Collector) SelfMetrics() scrape.Snapshot {
	c.t.Helper()
	return fetch(c.t, "http://"+addr(c.Self)+"/metrics")
}

// Endpoint is the address of OTLP over gRPC.
func (c *Collector) Endpoint() string { return addr(c.GRPC) }

func fetch(t testing.TB, url string) scrape.Snapshot {
	t.Helper()
	code, _, body := get(t, url, "")
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, code, body)
	}
	snap, err := scrape.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("parse %s: %v", url, err)
	}
	return snap
}

// get returns code 0 when nothing answers within two seconds.
func get(t testing.TB, url, accept string) (code int, contentType, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(raw)
}
