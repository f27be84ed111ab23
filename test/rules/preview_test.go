// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/prom"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// shown is the time that pictures show. The faults of the engine begin a minute apart.
const shown = 5 * time.Minute

// BenchmarkPreview draws all dashboards into build/preview.
func BenchmarkPreview(b *testing.B) {
	for b.Loop() {
		preview(b)
	}
}

func preview(b *testing.B) {
	b.Helper()
	browser, err := exec.LookPath("chromium")
	require.NoError(b, err)
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(b)))
	backend.Start(b)
	c := run.NewCollector(b)
	few := changed(b, "  cardinality_limit:\n", "    max_series_per_metric: 500\n")
	c.LaunchFile(few, map[string]string{"EVENTFLUX_EXPORTER": "otlp_grpc", "EVENTFLUX_OTLP_ENDPOINT": backend.Addr()})
	c.WaitReady()
	p := prom.Start(b, c, filepath.Join(run.Root(b), "alerts"), past(b, 1200, 0.2), "")
	config := filepath.Join(b.TempDir(), "eventflux.toml")
	require.NoError(b, os.WriteFile(config, []byte("[service]\ntenant = \"demo\"\n\n[telemetry]\nlevel = \"detail\"\n"), 0o600))
	began := time.Now()
	run.NewEngine{
		Endpoint: c.Endpoint(),
		Env:      map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "1000"},
		Both:     []string{"--config", config, "--set", "state=" + b.TempDir(), "--set", "checkpoint=5s"},
		A: []string{
			"--fault", "burst=3@60s+30s", "--fault", "label_explosion=700@90s", "--fault", "failing_query=50@120s+40s",
			"--fault", "full_buffer=80ms@180s+30s", "--fault", "lost_peer=3@240s+10s",
		},
	}.Start(b)
	to := began.Add(shown + 5*time.Second).Truncate(time.Minute).Add(55 * time.Second) // between two labels of the axis
	time.Sleep(time.Until(to))
	preview := filepath.Join(run.Root(b), "internal", "tools", "preview")
	draw := exec.Command("node", filepath.Join(preview, "preview.mjs"),
		"--prometheus", p.URL, "--from", fmt.Sprint(to.Add(-shown).UnixMilli()), "--to", fmt.Sprint(to.UnixMilli()), "--scrape", "2s",
		"--dashboards", filepath.Join(run.Root(b), "dashboards"), "--out", filepath.Join(run.Root(b), "build", "preview"), "--browser", browser)
	draw.Stdout, draw.Stderr = os.Stdout, os.Stderr
	require.NoError(b, draw.Run())
}
