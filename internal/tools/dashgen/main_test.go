// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const rules = `
groups:
  - name: g
    rules:
      - {alert: Slow, expr: 'latency{quantile="0.99"} > 0.1 and rate > 1', labels: {severity: warning}}
      - {alert: Low, expr: 'score < 0.5', labels: {severity: critical}}
      - {alert: Always, expr: vector(1)}
`

func TestLimitsAreThoseOfTheAlerts(t *testing.T) {
	limits, err := readLimits([]byte(rules))
	require.NoError(t, err)
	assert.Equal(t, map[string]limit{"Slow": {0.1, false, "warning"}, "Low": {0.5, true, "critical"}}, limits)

	_, err = readLimits([]byte("groups: 1"))
	assert.ErrorContains(t, err, "parse the rules")
}

func TestAPanelShowsTheLimitOfItsAlert(t *testing.T) {
	limits, err := readLimits([]byte(rules))
	require.NoError(t, err)
	colours := func(alert string) any {
		model, err := dashboard{panels: []panel{{title: "p", kind: "timeseries", width: 24, alert: alert}}}.render(limits)
		require.NoError(t, err)
		return model["panels"].([]object)[0]["fieldConfig"].(object)["defaults"].(object)["thresholds"].(object)["steps"]
	}
	assert.Equal(t, []object{{"color": "green", "value": nil}, {"color": "orange", "value": 0.1}}, colours("Slow"))
	assert.Equal(t, []object{{"color": "red", "value": nil}, {"color": "green", "value": 0.5}}, colours("Low"))

	_, err = dashboard{panels: []panel{{title: "p", alert: "Unknown"}}}.render(limits)
	assert.EqualError(t, err, `panel "p": no alert "Unknown" has a limit`)
}

func TestRowsOfPanelsHaveNoHoles(t *testing.T) {
	for _, d := range dashboards {
		x := 0
		for _, p := range d.panels {
			x += p.width
			assert.LessOrEqual(t, x, columns, "%s: %s", d.uid, p.title)
			x %= columns
		}
		assert.Zero(t, x, "%s: the last row has a hole", d.uid)
	}
}
