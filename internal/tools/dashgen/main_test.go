// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
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
      - {alert: Two, expr: 'sum(leader) != 1', labels: {severity: critical}}
      - {alert: Burn, expr: 'ratio > 0.06', labels: {severity: critical, window: 6h}}
      - {alert: Fills, expr: 'predict_linear(depth[10m], 600) > capacity and depth > 0.3', labels: {severity: warning}}
      - {alert: Fails, expr: 'failing > 0', labels: {severity: critical}}
      - {alert: Always, expr: vector(1)}
`

func TestLimitsAreThoseOfTheAlerts(t *testing.T) {
	limits := map[string]limit{}
	require.NoError(t, readLimits([]byte(rules), limits))
	assert.Equal(t, map[string]limit{
		"Slow": {value: 0.1, severity: "warning"}, "Low": {value: 0.5, below: true, severity: "critical"},
		"Two": {value: 1, other: true, severity: "critical"}, "Burn 6h": {value: 0.06, severity: "critical"},
		"Fails": {severity: "critical"}, "Fills": {value: 0.3, severity: "warning"}, "Fills ahead": {value: 600, below: true, severity: "warning"},
	}, limits)

	assert.ErrorContains(t, readLimits([]byte("groups: 1"), limits), "parse the rules")
}

func TestAPanelShowsTheLimitOfItsAlert(t *testing.T) {
	limits := map[string]limit{}
	require.NoError(t, readLimits([]byte(rules), limits))
	colours := func(alert string) any {
		model, err := dashboard{panels: []panel{{title: "p", kind: "timeseries", width: 24, alert: alert, queries: []query{{}}}}}.render(limits)
		require.NoError(t, err)
		return model["panels"].([]object)[0]["fieldConfig"].(object)["defaults"].(object)["thresholds"].(object)["steps"]
	}
	assert.Equal(t, []object{{"color": "green", "value": nil}, {"color": "orange", "value": 0.1}}, colours("Slow"))
	assert.Equal(t, []object{{"color": "red", "value": nil}, {"color": "green", "value": 0.5}}, colours("Low"))
	assert.Equal(t, []object{{"color": "red", "value": nil}, {"color": "green", "value": 1.0}, {"color": "red", "value": 2.0}}, colours("Two"))

	assert.Equal(t, []object{{"color": "green", "value": nil}, {"color": "red", "value": 1}}, colours("Fails"))

	_, err := dashboard{panels: []panel{{title: "p", alert: "Unknown"}}}.render(limits)
	assert.EqualError(t, err, `panel "p": no alert "Unknown" has a limit`)
}

func TestAPanelWithoutAnAlertIsNeitherGoodNorBad(t *testing.T) {
	for _, kind := range []string{"stat", "bargauge"} {
		model, err := dashboard{panels: []panel{{title: "p", kind: kind, width: 24, empty: "none"}}}.render(nil)
		require.NoError(t, err)
		defaults := model["panels"].([]object)[0]["fieldConfig"].(object)["defaults"].(object)
		assert.Equal(t, colours("text"), defaults["thresholds"], kind)
	}
}

func TestLooksAreThoseOfPanels(t *testing.T) {
	for title := range looks {
		assert.True(t, slices.ContainsFunc(dashboards, func(d dashboard) bool {
			return slices.ContainsFunc(d.panels, func(p panel) bool { return p.title == title })
		}), title)
	}
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
