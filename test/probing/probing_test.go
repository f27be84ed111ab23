// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package probing measures how long probes of health take while ingest has all the
// CPU there is: those of pipeline_health next to those of the stock health_check, in
// one process and under one load. `make bench-health` runs it.
package probing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

const (
	spansPerRequest = 5000
	senders         = 8
	rounds          = 2000
)

const config = `
receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:${env:EVENTFLUX_HTTP_PORT}'}}}}
exporters: {nop: {}}
extensions:
  pipeline_health: {endpoint: '127.0.0.1:${env:EVENTFLUX_HEALTH_PORT}', drain: {min: 0s, max: 0s}}
  health_check: {endpoint: '127.0.0.1:${env:STOCK_PORT}'}
service:
  extensions: [pipeline_health, health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
`

// BenchmarkHealth asks both in turn, with a connection of its own for each probe, as a
// kubelet does.
func BenchmarkHealth(b *testing.B) {
	c := run.NewCollector(b)
	path := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	stock := run.FreePort(b)
	c.LaunchFile(path, map[string]string{"STOCK_PORT": fmt.Sprint(stock)})
	c.WaitReady()
	spans, stop := saturate(b, fmt.Sprintf("http://127.0.0.1:%d/v1/traces", c.HTTP))
	defer stop()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	begin := time.Now()
	var ours, theirs []time.Duration
	for i := range rounds {
		order := []bool{i%2 == 0, i%2 != 0}
		for _, own := range order {
			if own {
				ours = append(ours, ask(b, client, fmt.Sprintf("http://127.0.0.1:%d/health", c.Health)))
			} else {
				theirs = append(theirs, ask(b, client, fmt.Sprintf("http://127.0.0.1:%d/", stock)))
			}
		}
	}
	rate := float64(spans.Load()) / time.Since(begin).Seconds()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op") // means nothing
	b.ReportMetric(ms(percentile(ours, 50)), "ours-p50-ms")
	b.ReportMetric(ms(percentile(ours, 99)), "ours-p99-ms")
	b.ReportMetric(ms(percentile(ours, 100)), "ours-max-ms")
	b.ReportMetric(ms(percentile(theirs, 50)), "stock-p50-ms")
	b.ReportMetric(ms(percentile(theirs, 99)), "stock-p99-ms")
	b.ReportMetric(ms(percentile(theirs, 100)), "stock-max-ms")
	b.ReportMetric(ms(percentile(ours, 99))/ms(percentile(theirs, 99)), "p99-ratio")
	b.ReportMetric(rate, "spans/s")
}

func ask(b *testing.B, client *http.Client, url string) time.Duration {
	b.Helper()
	begin := time.Now()
	response, err := client.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err = io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		b.Fatal(response.StatusCode, err)
	}
	return time.Since(begin)
}

func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*p/100]
}

// saturate sends as much as is taken until stop is called.
func saturate(b *testing.B, url string) (spans *atomic.Int64, stop func()) {
	b.Helper()
	td := ptrace.NewTraces()
	all := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range spansPerRequest {
		s := all.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i >> 8), byte(i)})
		s.SetSpanID(pcommon.SpanID{1, byte(i >> 8), byte(i)})
		s.SetName("query.execute")
		s.Attributes().PutStr("query.id", "price_alert")
		s.Attributes().PutStr("text", strings.Repeat("x", 40))
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	spans = new(atomic.Int64)
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					return
				}
				r.Header.Set("Content-Type", "application/x-protobuf")
				response, err := client.Do(r)
				if err != nil {
					continue // the end
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				spans.Add(spansPerRequest)
			}
		})
	}
	run.Eventually(b, "requests are taken", func() bool { return spans.Load() > 20*spansPerRequest })
	return spans, func() { cancel(); sending.Wait() }
}
