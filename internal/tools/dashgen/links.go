// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// homes are the dashboards of alerts by group, for those that have no panel of their own.
var homes = map[string]string{
	"adaptive": "eventflux-queries", "query": "eventflux-queries", "stream": "eventflux-streams", "sink": "eventflux-streams",
	"state": "eventflux-system", "transport": "eventflux-flow", "engine": "eventflux-overview", "collector": "eventflux-pipeline",
	"cardinality": "eventflux-pipeline", "capacity": "eventflux-capacity", "slo": "eventflux-slo",
}

// selects is the variable that a label of an alert chooses a value of.
var selects = map[string]string{"job": "job", "instance": "instance", "query_id": "query", "stream_name": "stream"}

var (
	groupLine = regexp.MustCompile(`^  - name: eventflux-(\S+)$`)
	alertLine = regexp.MustCompile(`^      - alert: (\S+)$`)
	severity  = regexp.MustCompile(`^        labels: \{.*window: (\w+)\}$`)
	runbook   = regexp.MustCompile(`^( +)runbook_url: `)
	told      = regexp.MustCompile(`\$labels\.(\w+)`)
)

// writeLinked copies the rules and gives each alert the address of its panel in the Grafana at base.
func writeLinked(files []string, base, out string) error {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read the alerts: %w", err)
		}
		linked, err := link(string(text), strings.TrimSuffix(base, "/"))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(file)), []byte(linked), 0o600); err != nil {
			return fmt.Errorf("write the alerts: %w", err)
		}
	}
	return nil
}

// link adds a line with dashboard_url below each runbook_url.
func link(rules, base string) (string, error) {
	var out strings.Builder
	var group, alert, window string
	var labels []string // that texts of the alert tell
	for line := range strings.Lines(rules) {
		out.WriteString(line)
		line = strings.TrimSuffix(line, "\n")
		if m := groupLine.FindStringSubmatch(line); m != nil {
			group = m[1]
		}
		if m := alertLine.FindStringSubmatch(line); m != nil {
			alert, window, labels = m[1], "", nil
		}
		if m := severity.FindStringSubmatch(line); m != nil {
			window = m[1]
		}
		for _, m := range told.FindAllStringSubmatch(line, -1) {
			labels = append(labels, m[1])
		}
		if m := runbook.FindStringSubmatch(line); m != nil {
			path, err := place(group, strings.TrimSpace(alert+" "+window), labels)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&out, "%sdashboard_url: %s%s\n", m[1], base, path)
		}
	}
	return out.String(), nil
}

// place is the path of the panel whose threshold is the alert's, or of the dashboard of its group.
func place(group, alert string, labels []string) (string, error) {
	to, id := slices.IndexFunc(dashboards, func(d dashboard) bool { return d.uid == homes[group] }), 0
	if to < 0 {
		return "", fmt.Errorf("alert %s: group %q has no dashboard", alert, group)
	}
	for i, d := range dashboards {
		for j, p := range d.panels {
			if id == 0 && (p.alert == alert || p.alert == alert+" ahead") {
				to, id = i, j+1
			}
		}
	}
	d, query := dashboards[to], []string(nil)
	if id != 0 {
		query = append(query, fmt.Sprintf("viewPanel=%d", id))
	}
	for _, v := range d.variables {
		for label, name := range selects {
			if name == v.name && slices.Contains(labels, label) {
				query = append(query, fmt.Sprintf("var-%s={{ $labels.%s }}", name, label))
			}
		}
	}
	return strings.TrimSuffix("/d/"+d.uid+"?"+strings.Join(query, "&"), "?"), nil
}
