// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// replayFile is EVENTFLUX_REPLAY_FILE, or a made file of 44 902 bars.
func replayFile(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("EVENTFLUX_REPLAY_FILE"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "bars.csv")
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,symbol,open,high,low,close,volume\n")
	at := time.Date(1995, 1, 3, 21, 0, 0, 0, time.UTC)
	symbols := []string{"ORCL", "YHOO", "NVDA", "STOXX50F"}
	for range 44902 {
		price := rng.Float64() * 50
		fmt.Fprintf(&b, "%s,%s,1,1,1,%.4f,%d\n", at.Format(time.RFC3339), symbols[rng.IntN(4)], price, rng.IntN(10))
		at = at.Add(time.Duration(rng.IntN(7200)) * time.Second)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// counts is what must come out of a file, counted line by line.
type counts struct{ rows, passed, aggregates, joined int }

func count(t *testing.T, path string) (c counts) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(f)
		require.NoError(t, err)
	}
	windows := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Scan() // the header
	for lines.Scan() {
		cols := strings.Split(lines.Text(), ",")
		price, err := strconv.ParseFloat(cols[5], 64)
		require.NoError(t, err)
		c.rows++
		if price < 5 || cols[6] == "0" {
			continue
		}
		c.passed++
		windows[cols[0][:10]+cols[1]] = true // windows of 24 h start at midnight UTC
	}
	require.NoError(t, lines.Err())
	for w := range windows {
		c.aggregates++
		if !strings.HasSuffix(w, "STOXX50F") { // the table lacks it
			c.joined++
		}
	}
	return c
}

// demo is the reference engine's two nodes after a whole replay.
type demo struct {
	a, b    *run.Process
	want    counts
	sink    string
	metrics scrape.Snapshot
}

// engineConfig is what both nodes read: leaf spans, and a line for each traced batch.
const engineConfig = `
[service]
name = "eventflux-engine"
version = "0.2.0"
environment = "staging"

[telemetry]
level = "detail"
metric_interval = "500ms"

[logging]
level = "debug"
`

// replay runs a file through both nodes, each sending to a collector of its
// own, and waits until front shows the last result. Node A is told who it is
// by the configuration file and a flag, node B by OTEL_* variables.
func replay(t *testing.T, front, ofA, ofB *run.Collector) *demo {
	t.Helper()
	file := replayFile(t)
	d := &demo{want: count(t, file), sink: filepath.Join(t.TempDir(), "alerts.jsonl")}
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte(engineConfig), 0o600))
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	engine := run.Binary(t, "eventflux-engine")

	d.b = run.Start(t, "node b", engine,
		[]string{"--node", "b", "--config", config, "--listen", link, "--set", "sink=" + d.sink, "--set", "sliding=20", "--drain-period", "0"},
		map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + ofB.Endpoint(),
			"OTEL_RESOURCE_ATTRIBUTES":    "service.instance.id=node-b,service.version=0.3.0,deployment.environment=production",
		})
	// Node A would wait for node B, and count each attempt as an error.
	run.Eventually(t, "node b listens", func() bool { return strings.Contains(d.b.Output(), "node b started") })
	d.a = run.Start(t, "node a", engine,
		[]string{"--node", "a", "--config", config, "--instance", "node-a", "--peers", "b=" + link, "--set", "source=csv", "--rate", "0", "--set", "replay=" + file, "--set", "window=24h", "--linger"},
		map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + ofA.Endpoint()})
	settled := run.Within(func() bool {
		d.metrics = front.Metrics()
		return len(d.differences()) == 0
	})
	if !settled {
		t.Logf("the counts of the file were not reached: %v", d.differences())
	}
	return d
}
