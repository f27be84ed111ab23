// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command dashgen writes the Grafana dashboards. Thresholds of panels are those of the alerts, read from their rules. It also
// writes the rules with links to the panels of a Grafana whose address is known.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	alerts := flag.String("alerts", "", "folder of the rules")
	out := flag.String("out", "", "folder of the dashboards, or of the rules with -grafana")
	grafana := flag.String("grafana", "", "address of a Grafana: write the rules with a dashboard_url, not the dashboards")
	flag.Parse()
	if err := run(*alerts, *out, *grafana); err != nil {
		fmt.Fprintln(os.Stderr, "dashgen:", err)
		os.Exit(1)
	}
}

func run(alerts, out, grafana string) error {
	files, err := filepath.Glob(filepath.Join(alerts, "*.yml"))
	if err != nil {
		return fmt.Errorf("look for rules in %q: %w", alerts, err)
	}
	if len(files) == 0 {
		return fmt.Errorf("no rules in %q", alerts)
	}
	if grafana != "" {
		return writeLinked(files, grafana, out)
	}
	limits := map[string]limit{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read the alerts: %w", err)
		}
		if err := readLimits(text, limits); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, d := range dashboards {
		model, err := d.render(limits)
		if err != nil {
			return fmt.Errorf("dashboard %s: %w", d.uid, err)
		}
		text, err := json.MarshalIndent(model, "", "  ")
		if err != nil {
			return fmt.Errorf("dashboard %s: %w", d.uid, err)
		}
		if err := os.WriteFile(filepath.Join(out, d.uid+".json"), append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write dashboard %s: %w", d.uid, err)
		}
	}
	return nil
}

// limit is the first comparison of an alert's expression with a number.
type limit struct {
	value    float64
	below    bool // it fires below the value
	other    bool // it fires at every whole number but the value
	severity string
}

var (
	comparison = regexp.MustCompile(`(>|<|!=) ([0-9.]+)`)
	forecast   = regexp.MustCompile(`predict_linear\(.*\], ([0-9]+)\)`)
)

// readLimits adds the limits of rules by the name of their alert and, if it has one, its window. How far the alert
// looks ahead is a limit, too: that of the time left, and its name ends with ahead.
func readLimits(text []byte, limits map[string]limit) error {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		return fmt.Errorf("parse the rules: %w", err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			name := strings.TrimSpace(r.Alert + " " + r.Labels["window"])
			severity := r.Labels["severity"]
			if m := comparison.FindStringSubmatch(r.Expr); m != nil {
				value, err := strconv.ParseFloat(m[2], 64)
				if err != nil {
					return fmt.Errorf("alert %s: %w", r.Alert, err)
				}
				limits[name] = limit{value, m[1] == "<", m[1] == "!=", severity}
			}
			if m := forecast.FindStringSubmatch(r.Expr); m != nil {
				seconds, err := strconv.ParseFloat(m[1], 64)
				if err != nil {
					return fmt.Errorf("alert %s: %w", r.Alert, err)
				}
				limits[name+" ahead"] = limit{value: seconds, below: true, severity: severity}
			}
		}
	}
	return nil
}

type object = map[string]any

func (d dashboard) render(limits map[string]limit) (object, error) {
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var variables []object
	variables = append(variables, object{
		"name": "datasource", "label": "Data Source", "type": "datasource", "query": "prometheus", "current": object{}, "refresh": 1,
	})
	for _, v := range d.variables {
		variables = append(variables, object{
			"name": v.name, "label": v.label, "type": "query", "datasource": source,
			"query": object{"query": v.query, "refId": v.name}, "definition": v.query, "refresh": 2, "sort": 1,
			"includeAll": true, "multi": true, "allValue": ".+", "current": object{"text": "All", "value": "$__all"},
		})
	}
	var panels []object
	x, y := 0, 0
	for i, p := range d.panels {
		defaults := object{"unit": p.unit, "noValue": p.empty}
		if p.link != "" {
			defaults["links"] = []object{{"title": p.linkTitle, "url": p.link}}
		}
		var bad *limit
		if p.alert != "" {
			l, ok := limits[p.alert]
			if !ok {
				return nil, fmt.Errorf("panel %q: no alert %q has a limit", p.title, p.alert)
			}
			bad = &l
		}
		var targets []object
		for j, q := range p.queries {
			targets = append(targets, object{
				"refId": string(rune('A' + j)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "exemplar": p.exemplars,
				"instant": p.now(), "range": !p.now(),
			})
		}
		options, overrides := p.dress(defaults, bad)
		panels = append(panels, object{
			"id": i + 1, "title": p.title, "description": p.description, "type": p.kind, "datasource": source,
			"gridPos":     object{"x": x, "y": y, "w": p.width, "h": height},
			"fieldConfig": object{"defaults": defaults, "overrides": overrides}, "options": options, "targets": targets,
		})
		if x += p.width; x >= columns {
			x, y = 0, y+height
		}
	}
	return object{
		"uid": d.uid, "title": d.title, "tags": []string{"eventflux"}, "schemaVersion": 39, "version": 1, "editable": false,
		"refresh": "30s", "time": object{"from": "now-1h", "to": "now"}, "timezone": "browser",
		"templating": object{"list": variables}, "annotations": object{"list": d.annotations(source)}, "panels": panels,
		"links": []object{{
			"title": "EventFlux", "type": "dashboards", "tags": []string{"eventflux"}, "asDropdown": true, "includeVars": true, "keepTime": true,
		}},
	}, nil
}

// steps are the colours from each value on; the first has none. What fires above zero counts whole things.
func (l limit) steps() []object {
	bad := map[string]string{"warning": "orange", "critical": "red"}[l.severity]
	switch {
	case l.other:
		return []object{{"color": bad, "value": nil}, {"color": "green", "value": l.value}, {"color": bad, "value": l.value + 1}}
	case l.below:
		return []object{{"color": bad, "value": nil}, {"color": "green", "value": l.value}}
	case l.value == 0:
		return []object{{"color": "green", "value": nil}, {"color": bad, "value": 1}}
	default:
		return []object{{"color": "green", "value": nil}, {"color": bad, "value": l.value}}
	}
}

// annotations mark the moments at which engines started, or collectors where the dashboard is about them, and the times
// in which an alert fired.
func (d dashboard) annotations(source object) []object {
	uptime := "eventflux_uptime_seconds"
	if d.uid == pipeline.uid {
		uptime = "otelcol_process_uptime"
	}
	return []object{
		{
			"name": "Restarts", "datasource": source, "enable": true, "iconColor": "orange", "titleFormat": "{{instance}} started",
			"expr": "resets(" + uptime + `{job=~"$job",instance=~"$instance"}[1m]) > 0`,
		},
		{
			"name": "Alerts", "datasource": source, "enable": true, "iconColor": "red", "titleFormat": "{{alertname}}",
			"expr": `ALERTS{alertstate="firing",severity=~"critical|warning"}`,
		},
	}
}
