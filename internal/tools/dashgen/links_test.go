// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnAlertLeadsToItsPanel(t *testing.T) {
	linked, err := link(`groups:
  - name: eventflux-query
    rules:
      - alert: HighQueryLatency
        annotations:
          summary: Query {{ $labels.query_id }} is slow, {{ $labels.quantile }}
          runbook_url: https://example.com
      - alert: QueryStalled
        annotations:
          summary: Query {{ $labels.query_id }} of {{ $labels.instance }} stands still
          runbook_url: https://example.com
  - name: eventflux-slo
    rules:
      - alert: LatencyBudgetBurn
        labels: {severity: warning, window: 3d}
        annotations:
          summary: Too slow for {{ $labels.job }}
          runbook_url: https://example.com
`, "https://grafana")
	require.NoError(t, err)
	assert.Contains(t, linked, "          dashboard_url: https://grafana/d/eventflux-overview?viewPanel=9\n", "the variables of the overview are no queries")
	assert.Contains(t, linked, "          dashboard_url: https://grafana/d/eventflux-queries?var-instance={{ $labels.instance }}&var-query={{ $labels.query_id }}\n")
	assert.Contains(t, linked, "          dashboard_url: https://grafana/d/eventflux-slo?viewPanel=12&var-job={{ $labels.job }}\n")
	assert.Equal(t, "Slow, 3d and 6h", slo.panels[11].title)

	_, err = link("  - name: eventflux-new\n      - alert: A\n          runbook_url: x\n", "")
	assert.EqualError(t, err, `alert A: group "new" has no dashboard`)
}

func TestEveryAlertThatIsShippedLeadsToADashboard(t *testing.T) {
	files, err := filepath.Glob("../../../alerts/*.yml")
	require.NoError(t, err)
	out := t.TempDir()
	require.NoError(t, writeLinked(files, "https://grafana.example.com/", out))
	alerts, links := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(out, filepath.Base(file)))
		require.NoError(t, err)
		alerts += strings.Count(string(text), "- alert: ")
		links += strings.Count(string(text), "dashboard_url: https://grafana.example.com/d/eventflux-")
	}
	assert.Greater(t, alerts, 50)
	assert.Equal(t, alerts, links)
}
