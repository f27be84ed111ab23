// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

const (
	troubledRows = 16_000
	troubledRate = 2_000 // events per second
	// inHand is a quarter of a queue: how many events may be between two counters in mid-run, since a collection reads
	// one after the other, and a scrape may see the second as it was one export before.
	inHand = 1024
	// closing is what the timer window may hold when it closes between two reads.
	closing = troubledRate * 3 / 2
)

// troubledFile has events of all fates: some are filtered, every 100th cannot
// be evaluated, every 50th is late, some have no partner in the table.
func troubledFile(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,symbol,close,volume\n")
	at := time.Date(2024, 1, 2, 9, 0, 0, 0, time.UTC)
	symbols := []string{"ORCL", "YHOO", "NVDA", "STOXX50F"}
	for i := range troubledRows {
		when := at.Add(time.Duration(i) * 10 * time.Second)
		if i%50 == 7 && i > 5_000 {
			when = when.Add(-24 * time.Hour)
		}
		fmt.Fprintf(&b, "%s,%s,%d.5,%d\n", when.Format(time.RFC3339), symbols[i%4], 1+i*7%40, i%100)
	}
	path := filepath.Join(t.TempDir(), "troubled.csv")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// equations reads the expressions of docs/telemetry.md, all of which are 0 at rest.
func equations(t *testing.T) (found []string) {
	t.Helper()
	_, text, ok := strings.Cut(read(t, filepath.Join(run.Root(t), "docs", "telemetry.md")), "```promql\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "```")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	require.Len(t, found, 7)
	return found
}

// unequal evaluates every equation and names the groups in which it is off by
// more than slack allows.
func unequal(t *testing.T, m scrape.Snapshot, slack func(group string) float64) (found []string) {
	t.Helper()
	for _, e := range equations(t) {
		left, right, err := m.Differences(e)
		require.NoError(t, err)
		if len(left) == 0 {
			found = append(found, "nothing to compare in "+e)
		}
		for group, l := range left {
			if math.Abs(l-right[group]) > slack(group) {
				found = append(found, fmt.Sprintf("%s: %v - %v in %s", group, l, right[group], e))
			}
		}
	}
	return found
}

func exactly(string) float64 { return 0 }

func inMidRun(group string) float64 {
	if strings.Contains(group, "window_type=timeBatch") {
		return closing
	}
	return inHand
}

func TestTheSumsClose(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte("[telemetry]\nlevel = \"detail\"\n"), 0o600))
	run.NewEngine{
		Endpoint: c.Endpoint(), Both: []string{"--config", config, "--set", "state=" + t.TempDir(), "--set", "checkpoint=500ms"},
		B: []string{"--set", "sliding=20", "--set", "tables=store"},
		A: []string{
			"--set", "source=csv", "--set", "replay=" + troubledFile(t), "--rate", fmt.Sprint(troubledRate), "--set", "window=1h", "--linger",
			"--set", "filter=price >= 5.0 && 10.0 / volume < 5.0",
		},
	}.Start(t)

	scrapes := 0
	var m scrape.Snapshot
	closed := run.Within(func() bool {
		m = c.Metrics()
		read, _ := m.Sum("eventflux_source_events_received_total", scrape.Labels{"eventflux_source_type": "csv"})
		if read > 0 && read < troubledRows {
			scrapes++
			assert.Empty(t, unequal(t, m, inMidRun), "in mid-run, after %v events", read)
		}
		return read == troubledRows && len(unequal(t, m, exactly)) == 0
	})
	require.True(t, closed, "at rest: %v", unequal(t, m, exactly))
	assert.Greater(t, scrapes, 10, "scrapes in mid-run")
	for _, name := range []string{
		"eventflux_filter_events_dropped_total", "eventflux_expression_errors_total",
		"eventflux_window_events_late_total", "eventflux_join_misses_total",
	} {
		n, _ := m.Sum(name, nil)
		assert.Positive(t, n, "%s: a sum without it proves little", name)
	}
	t.Run("every metric is live or known not to be", func(t *testing.T) { assertLive(t, m) })
}
