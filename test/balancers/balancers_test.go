// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package balancers restarts gateways one after the other behind the load balancers
// that deploy/ has configurations for. `make test-lb` runs it.
package balancers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventflux-io/eventflux-otel/test/internal/load"
	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// balancer is a running load balancer, with its own ports.
type balancer struct {
	name, config string // of the program, and of its configuration in deploy
	args         func(config string) []string
	extra        string // directives for a process of a test
	grpc, http   int
}

func (b *balancer) start(t testing.TB, gateways []*run.Collector) {
	t.Helper()
	b.grpc, b.http = run.FreePort(t), run.FreePort(t)
	text, err := os.ReadFile(filepath.Join(run.Root(t), "deploy", b.config))
	if err != nil {
		t.Fatal(err)
	}
	var replace []string
	for i, g := range gateways {
		name := fmt.Sprintf("gateway-%d:", i+1)
		replace = append(replace, name+"4317", g.Endpoint(), name+"4318", fmt.Sprintf("127.0.0.1:%d", g.HTTP))
	}
	replace = append(replace,
		"bind :4317", fmt.Sprintf("bind 127.0.0.1:%d", b.grpc), "bind :4318", fmt.Sprintf("bind 127.0.0.1:%d", b.http),
		"listen 4317", fmt.Sprintf("listen 127.0.0.1:%d", b.grpc), "listen 4318", fmt.Sprintf("listen 127.0.0.1:%d", b.http))
	lines := strings.Split(strings.NewReplacer(replace...).Replace(string(text)), "\n")
	for i, g := range gateways { // which share a host here, and so have ports of their own
		for n := range lines {
			if strings.Contains(lines[n], fmt.Sprintf("server gateway-%d ", i+1)) {
				lines[n] += fmt.Sprintf(" port %d", g.Health)
			}
		}
	}
	path := filepath.Join(t.TempDir(), b.config)
	if err = os.WriteFile(path, []byte(b.extra+strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath(b.name)
	if err != nil {
		t.Fatal(err)
	}
	run.Start(t, b.name, program, b.args(path), nil)
	run.Eventually(t, b.name+" listens", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.http))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// BenchmarkHAProxy asks the gateways whether they are ready: nothing fails and nothing is lost.
func BenchmarkHAProxy(b *testing.B) {
	failed, lost := rollingRestart(b, &balancer{
		name: "haproxy", config: "haproxy.cfg",
		args: func(config string) []string { return []string{"-db", "-f", config} },
	})
	if failed+lost > 0 {
		b.Errorf("%d requests failed, %d were lost", failed, lost)
	}
}

// BenchmarkNGINX repeats what fails: nothing is lost.
func BenchmarkNGINX(b *testing.B) {
	_, lost := rollingRestart(b, &balancer{
		name: "nginx", config: "nginx.conf",
		args:  func(config string) []string { return []string{"-p", filepath.Dir(config), "-c", config} },
		extra: "daemon off;\nmaster_process off;\nerror_log stderr;\npid nginx.pid;\n",
	})
	if lost > 0 {
		b.Errorf("%d requests were lost", lost)
	}
}

// rollingRestart sends a thousand requests a second while three gateways restart one after the
// other, half of them over HTTP/1.1 and half over gRPC, and none twice.
func rollingRestart(b *testing.B, lb *balancer) (failed, lost int) {
	b.Helper()
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(b)))
	backend.Start(b)
	env := map[string]string{"EVENTFLUX_OTLP_ENDPOINT": backend.Addr()}
	var gateways []*run.Collector
	for range 3 {
		gateways = append(gateways, run.StartCollector(b, "gateway", env))
	}
	lb.start(b, gateways)
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", lb.grpc), grpc.WithDisableRetry(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var l load.Load
	client := plogotlp.NewGRPCClient(conn)
	stopGRPC := l.Clients(5, func(ctx context.Context, request plogotlp.ExportRequest) error {
		_, err := client.Export(ctx, request)
		return err
	})
	stopHTTP := l.Clients(5, load.PostTo(&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 5}}, fmt.Sprintf("http://127.0.0.1:%d/v1/logs", lb.http)))

	begin := time.Now()
	for _, g := range gateways {
		more := l.Sent() + 2000 // until the balancer has seen the one before
		run.Eventually(b, "requests go on", func() bool { return l.Sent() > more })
		if code := g.Stop(); code != 0 {
			b.Errorf("a gateway ended with %d", code)
		}
		g.Launch("gateway", env)
		g.WaitReady()
	}
	stopGRPC()
	stopHTTP()
	took := time.Since(begin)

	accepted, repeated := l.Accepted(), 0
	run.Within(func() bool { return len(backend.Seen()) >= len(accepted) })
	seen := backend.Seen()
	for _, body := range accepted {
		if seen[body] == 0 {
			lost++
		}
		repeated += max(0, seen[body]-1)
	}
	n, last := l.Failed()
	if n > 0 {
		b.Logf("the last that failed: %v", last)
	}
	b.ReportMetric(float64(l.Sent())/took.Seconds(), "requests/s")
	b.ReportMetric(float64(n), "failed")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(repeated), "repeated")
	return int(n), lost
}
