// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// notLive reads testdata/not_live.txt: metrics that the reference engine does
// not send, by OpenTelemetry name, and why.
func notLive(t *testing.T) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for line := range strings.Lines(read(t, filepath.Join("testdata", "not_live.txt"))) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, ": ")
		assert.NotEmpty(t, reason, "%s needs a reason", name)
		assert.NotContains(t, reasons, name, "listed twice")
		reasons[name] = reason
	}
	return reasons
}

// leastLive is how many metrics of the registry a run of the demo must show.
const leastLive = 120

// assertLive compares the page with the registry and the list of exceptions.
func assertLive(t *testing.T, m scrape.Snapshot) {
	t.Helper()
	listed := notLive(t)
	live, all := 0, 0
	for metric := range semconv.Metrics() {
		all++
		_, excused := listed[metric.Name()]
		delete(listed, metric.Name())
		if len(m.Series(metric.PrometheusName(), nil)) == 0 {
			assert.True(t, excused, "%s is not live, and testdata/not_live.txt does not say why", metric.Name())
			continue
		}
		live++
		assert.False(t, excused, "%s is live: take it out of testdata/not_live.txt", metric.Name())
	}
	assert.Empty(t, listed, "these are no metrics of the registry")
	t.Logf("%d of %d metrics are live", live, all)
	assert.GreaterOrEqual(t, live, leastLive)
}
