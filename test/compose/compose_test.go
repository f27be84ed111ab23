// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package compose builds a collector as a third party would, with one
// component of ours, and sends points through it.
package compose

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the collector compresses with

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// build makes a collector from the manifest. Until a version is tagged, the
// root module is found by a replace line, which a third party does not need.
func build(t *testing.T, manifestFile string) string {
	t.Helper()
	root, dir := run.Root(t), t.TempDir()
	manifest, err := os.ReadFile(manifestFile)
	require.NoError(t, err)
	manifest = fmt.Appendf(manifest, "\nreplaces:\n  - github.com/eventflux-io/eventflux-otel => %s\n", root)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.yaml"), manifest, 0o600))

	path, err := exec.Command("go", "-C", filepath.Join(root, "internal", "tools"), "tool", "-n", "builder").Output()
	require.NoError(t, err, "build OCB")
	ocb := exec.Command(strings.TrimSpace(string(path)), "--config", "manifest.yaml", "--skip-strict-versioning=false")
	ocb.Dir = dir
	ocb.Env = append(os.Environ(), "GOWORK=off")
	out, err := ocb.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "build", "otelcol-composed")
}

// backend collects the names and points that come out.
type backend struct {
	pmetricotlp.UnimplementedGRPCServer
	mu               sync.Mutex
	series, overflow int
}

// Export implements pmetricotlp.GRPCServer.
func (b *backend) Export(_ context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rm := range req.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range m.Gauge().DataPoints().All() {
					if _, folded := p.Attributes().Get("otel.metric.overflow"); folded {
						b.overflow++
					} else {
						b.series++
					}
				}
			}
		}
	}
	return pmetricotlp.NewExportResponse(), nil
}

func (b *backend) counts() (series, overflow int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.series, b.overflow
}

func TestOurProcessorInSomebodyElsesCollector(t *testing.T) {
	collector := build(t, "manifest.yaml")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b, server := &backend{}, grpc.NewServer()
	pmetricotlp.RegisterGRPCServer(server, b)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) }) // ends with Stop
	defer serving.Wait()
	defer server.Stop()

	endpoint := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	config, err := filepath.Abs("config.yaml")
	require.NoError(t, err)
	env := map[string]string{"COMPOSED_ENDPOINT": endpoint, "COMPOSED_BACKEND": ln.Addr().String()}
	validate := run.Start(t, "validate", collector, []string{"validate", "--config", config}, env)
	require.Zero(t, validate.Wait(), validate.Output())

	p := run.Start(t, "composed collector", collector, []string{"--config", config}, env)
	run.Eventually(t, "it runs", func() bool { return strings.Contains(p.Output(), "Everything is ready") })
	sender := otlp.NewSender(t, endpoint)
	for i := range int64(4) {
		resource := map[string]string{"service.name": "engine", "service.instance.id": fmt.Sprint(i)}
		require.NoError(t, sender.Gauge(t.Context(), resource, "queue.depth", i))
	}
	run.Eventually(t, "two series pass and the others are folded", func() bool {
		series, overflow := b.counts()
		return series == 2 && overflow > 0
	})
	assert.Zero(t, p.Stop())
}
