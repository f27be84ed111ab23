// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package probing

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

const fullIngest = `
receivers: {eventflux: {protocols: {http: {endpoint: '127.0.0.1:${env:EVENTFLUX_HTTP_PORT}'}}, health_extension: pipeline_health}}
processors: {memory_limiter: {check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}}
exporters: {otlp_http: {endpoint: '${env:BACKEND}', compression: none}}
extensions:
  pipeline_health: {endpoint: '127.0.0.1:${env:EVENTFLUX_HEALTH_PORT}', drain: {min: 0s, max: 0s}}
  pprof: {endpoint: '127.0.0.1:${env:PPROF_PORT}'}
service:
  extensions: [pipeline_health, pprof]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: '${env:EVENTFLUX_SELF_PORT}'}}}}]}}
  pipelines: {traces: {receivers: [eventflux], processors: [memory_limiter], exporters: [otlp_http]}}
`

// ofHealth are the packages that pipeline_health is made of.
var ofHealth = []string{
	"extension/pipelinehealthextension", "confmap/healthmiddleware", "service/inprocesstelemetry",
	"internal/selfmetrics", "internal/heartbeat", "internal/intake",
}

// BenchmarkHealthShare prints which part of the CPU time at full ingest, with an exporter and
// five probes a second, is that of pipeline_health.
func BenchmarkHealthShare(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer backend.Close()
	c := run.NewCollector(b)
	path := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(fullIngest), 0o600); err != nil {
		b.Fatal(err)
	}
	port := run.FreePort(b)
	c.LaunchFile(path, map[string]string{"BACKEND": backend.URL, "PPROF_PORT": fmt.Sprint(port)})
	c.WaitReady()
	spans, stop := saturate(b, fmt.Sprintf("http://127.0.0.1:%d/v1/traces", c.HTTP))
	defer stop()

	before, begin := spans.Load(), time.Now()
	profiled := make(chan *profile.Profile, 1)
	go func() {
		profiled <- fetchProfile(b, fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=20", port))
	}()
	probes := time.NewTicker(200 * time.Millisecond)
	defer probes.Stop()
	for {
		select {
		case <-probes.C:
			c.Probe("/health")
			continue
		case p := <-profiled:
			if p == nil {
				b.Fatal("no profile")
			}
			own, all := shares(p)
			b.ReportMetric(0, "ns/op") // means nothing
			b.ReportMetric(100*own/all, "%-of-CPU")
			b.ReportMetric(all/1e9, "profiled-s")
			b.ReportMetric(float64(spans.Load()-before)/time.Since(begin).Seconds(), "spans/s")
		}
		return
	}
}

func fetchProfile(b *testing.B, url string) *profile.Profile {
	b.Helper()
	response, err := http.Get(url)
	if err != nil {
		b.Log(err)
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	p, err := profile.Parse(response.Body)
	if err != nil {
		b.Log(err)
	}
	return p
}

// shares returns the CPU time of pipeline_health and that of everything. Time belongs to the
// innermost package that is not one of Go's own, but for its HTTP: what a wrapped transport
// spends is not that of the wrapper.
func shares(p *profile.Profile) (own, all float64) {
	for _, s := range p.Sample {
		spent := float64(s.Value[len(s.Value)-1])
		all += spent
		if inner := innermost(s); inner != "" {
			for _, room := range ofHealth {
				if strings.Contains(inner, "eventflux-otel/"+room) {
					own += spent
					break
				}
			}
		}
	}
	return own, all
}

func innermost(s *profile.Sample) string {
	for _, location := range s.Location {
		for _, line := range location.Line {
			name := line.Function.Name
			first, _, _ := strings.Cut(name, "/")
			if strings.Contains(first, ".") && strings.Contains(name, "/") || strings.HasPrefix(name, "net/http") {
				return name
			}
		}
	}
	return ""
}
