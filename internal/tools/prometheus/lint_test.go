// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package prometheus checks the rules and dashboards that the project ships, with the parser of Prometheus.
package prometheus

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found, pattern)
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], root+"/")
	}
	return found
}

type rule struct {
	Alert, Record, Expr string
	For                 string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, path := range glob(t, "alerts/*.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), &file), path)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// foreign are the metrics of the collector, of host_metrics and of the demo's queries that no table in this repository
// lists.
var foreign = map[string][]string{
	"eventflux_custom_avg_price":                 {"query_id"},
	"eventflux_custom_trades_total":              {"query_id"},
	"otelcol_exporter_queue_size":                {"exporter", "data_type"},
	"otelcol_exporter_queue_capacity":            {"exporter", "data_type"},
	"otelcol_exporter_sent_metric_points":        {"exporter"},
	"otelcol_exporter_send_failed_metric_points": {"exporter"},
	"otelcol_receiver_accepted_metric_points":    {"receiver", "transport"},
	"otelcol_receiver_refused_metric_points":     {"receiver", "transport"},
	"otelcol_process_cpu_seconds":                nil,
	"otelcol_process_memory_rss":                 nil,
	"otelcol_process_uptime":                     nil,
	"system_disk_io_bytes_total":                 {"device", "direction"},
	"system_network_io_bytes_total":              {"device", "direction"},
	"system_filesystem_usage_bytes":              {"device", "mountpoint", "type", "mode", "state"},
	"target_info":                                {"eventflux_tenant"},
}

var (
	row    = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [^|]*\\| [^|]*\\| ([a-z -]+) \\| [a-z]+ \\| ([^|]*)\\|")
	quoted = regexp.MustCompile("`([a-z._]+)`")
	cell   = regexp.MustCompile(`(?m)^\| ([a-z_]+) \|`)
)

// known returns the labels of every series there is, beside job and instance.
func known(t *testing.T) map[string][]string {
	t.Helper()
	series := map[string][]string{}
	maps.Copy(series, foreign)
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/telemetry.md"), -1) {
		var names []string
		for _, a := range quoted.FindAllStringSubmatch(m[3], -1) {
			names = append(names, strings.ReplaceAll(a[1], ".", "_"))
		}
		if m[2] == "histogram" {
			series[m[1]+"_bucket"] = append(slices.Clone(names), "le")
			series[m[1]+"_count"], series[m[1]+"_sum"] = names, names
			continue
		}
		series[m[1]] = names
	}
	for _, pattern := range []string{"processor/*/documentation.md", "extension/*/documentation.md", "receiver/*/documentation.md"} {
		for _, path := range glob(t, pattern) {
			for _, part := range strings.Split(read(t, path), "\n### ")[1:] {
				name, text, _ := strings.Cut(part, "\n")
				series[name] = nil
				for _, c := range cell.FindAllStringSubmatch(text, -1) {
					series[name] = append(series[name], c[1])
				}
			}
		}
	}
	for _, r := range rules(t) {
		if r.Record == "" {
			continue
		}
		names := []string{"job"}
		switch {
		case strings.HasPrefix(r.Record, "query_latency"):
			names = []string{"query_id", "quantile"}
		case strings.HasPrefix(r.Record, "job_query:"):
			names = []string{"job", "query_id"}
		}
		series[r.Record] = names
	}
	require.Greater(t, len(series), 300)
	return series
}

// check parses an expression and looks its metrics and matchers up.
func check(t *testing.T, where, expr string, series map[string][]string) {
	t.Helper()
	for variable, value := range map[string]string{"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"} {
		expr = strings.ReplaceAll(expr, variable, value)
	}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if !assert.NoError(t, err, "%s: %s", where, expr) {
		return
	}
	var used []string // labels of the selectors in the expression
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names, ok := series[v.Name]
		assert.True(t, ok, "%s: no metric %q", where, v.Name)
		used = append(used, names...)
		for _, m := range v.LabelMatchers {
			if slices.Contains([]string{model.MetricNameLabel, "job", "instance", "otel_metric_overflow"}, m.Name) {
				continue
			}
			assert.Contains(t, names, m.Name, "%s: %s has no label %q", where, v.Name, m.Name)
		}
		return nil
	})
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			for _, l := range a.Grouping {
				if !a.Without && l != "job" && l != "instance" {
					assert.Contains(t, used, l, "%s: nothing has the label %q", where, l)
				}
			}
		}
		return nil
	})
}

func TestEveryMetricAndLabelOfTheRulesExists(t *testing.T) {
	series := known(t)
	for _, r := range rules(t) {
		check(t, r.Alert+r.Record, r.Expr, series)
	}
}

// The requirements name two alerts, which users may have already.
func TestTheAlertsOfTheRequirementsAreKept(t *testing.T) {
	shipped := map[string]rule{}
	for _, r := range rules(t) {
		shipped[r.Alert] = r
	}
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "alerts/tests/requirements/rules.yml")), &file))
	require.Len(t, file.Groups[0].Rules, 2)
	for _, want := range file.Groups[0].Rules {
		got := shipped[want.Alert]
		assert.Equal(t, want.Expr, got.Expr)
		assert.Equal(t, want.For, got.For)
		assert.Equal(t, want.Labels, got.Labels)
		for k, v := range want.Annotations {
			assert.Equal(t, v, got.Annotations[k])
		}
	}
}

func TestEveryAlertIsDocumentedAndTested(t *testing.T) {
	var tests strings.Builder
	for _, path := range glob(t, "alerts/tests/*.yml") {
		tests.WriteString(read(t, path))
	}
	alerts := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		assert.NotEmpty(t, r.Annotations["description"], r.Alert)
		assert.Contains(t, []string{"critical", "warning", "none"}, r.Labels["severity"], r.Alert)
		assert.True(t, strings.HasSuffix(r.Annotations["runbook_url"], "/docs/runbooks/"+r.Alert+".md"), r.Alert)
		assert.FileExists(t, filepath.Join(root, "docs/runbooks", r.Alert+".md"))
		assert.Contains(t, tests.String(), `ALERTS{alertname="`+r.Alert+`"`, "%s has no test", r.Alert)
		if r.Labels["severity"] != "none" {
			assert.NotEmpty(t, r.For, r.Alert)
		}
	}
	assert.Greater(t, len(alerts), 25)
	for _, path := range glob(t, "docs/runbooks/*.md") {
		assert.True(t, alerts[strings.TrimSuffix(filepath.Base(path), ".md")], "%s is about no alert", path)
	}
}
