// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// What the receiver says of the traces of queries, said of an engine in which nothing is
// wrong: every span has its place and its attributes.
func TestTracesOfTheReferenceEngineAreWhole(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(run.Root(t), "configs", "standalone.yaml"))
	const of = "    health_extension: pipeline_health\n"
	require.Equal(t, 1, strings.Count(text, "\n"+of+"  host_metrics"))
	text = strings.Replace(text, of, of+"    traces:\n      window: 4s\n", 1)
	config := filepath.Join(t.TempDir(), "traces.yaml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	c := run.NewCollector(t)
	c.LaunchFile(config, nil)
	c.WaitReady()
	engine := run.NewEngine{Endpoint: c.Endpoint(), Both: []string{"--rate", "50"}}.Start(t)

	spans := func(labels scrape.Labels) (n float64) {
		for _, s := range c.SelfMetrics().Series("otelcol_receiver_eventflux_spans_judged", labels) {
			n += scrape.Value(s)
		}
		return n
	}
	run.Eventually(t, "a few hundred spans were judged", func() bool { return spans(nil) > 300 })
	engine.A.Stop()
	engine.B.Stop()
	run.Eventually(t, "no trace is waited for", func() bool {
		open := c.SelfMetrics().Series("otelcol_receiver_eventflux_spans_open", nil)
		return len(open) == 1 && scrape.Value(open[0]) == 0
	})
	assert.Positive(t, spans(scrape.Labels{"verdict": "placed"}))
	for _, verdict := range []string{"orphan", "late", "unjudged"} {
		assert.Zero(t, spans(scrape.Labels{"verdict": verdict}), verdict)
	}
	assert.Empty(t, c.SelfMetrics().Series("otelcol_receiver_eventflux_spans_lacking", nil))
}
