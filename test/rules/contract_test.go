// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rules tests dashboards and alerts against a collector, an engine and a Prometheus that run.
package rules

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"

	"github.com/eventflux-io/eventflux-otel/test/internal/prom"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// expression is one that a dashboard or a rule has, and the labels that are read from its result.
type expression struct {
	where, expr string
	labels      []string
}

var (
	legend    = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	linked    = regexp.MustCompile(`\$\{__field\.labels\.(\w+)\}`)
	told      = regexp.MustCompile(`\$labels\.(\w+)`)
	listed    = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	compared  = regexp.MustCompile(` (>|<|==|!=) `)
	variables = strings.NewReplacer("$__rate_interval", "10s", "$__range", "1m", "$job", ".+", "$instance", ".+", "$query", ".+", "$stream", ".+")
)

func all(r *regexp.Regexp, text string) (found []string) {
	for _, m := range r.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func ofDashboards(t *testing.T) (found []expression) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(run.Root(t), "dashboards", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var d struct {
			Title      string
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Annotations struct {
				List []struct{ Name, Expr, TitleFormat string }
			}
			Panels []struct {
				Title       string
				FieldConfig struct {
					Defaults struct{ Links []struct{ URL string } }
				}
				Targets []struct{ Expr, LegendFormat string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &d), path)
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				m := listed.FindStringSubmatch(v.Definition)
				require.NotNil(t, m, v.Definition)
				found = append(found, expression{d.Title + ": $" + v.Name, m[1], []string{m[2]}})
			}
		}
		for _, a := range d.Annotations.List {
			expr, _, _ := strings.Cut(a.Expr, " > 0")
			found = append(found, expression{d.Title + ": " + a.Name, expr, all(legend, a.TitleFormat)})
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				labels := all(legend, q.LegendFormat)
				for _, l := range p.FieldConfig.Defaults.Links {
					labels = append(labels, all(linked, l.URL)...)
				}
				found = append(found, expression{d.Title + ": " + p.Title, q.Expr, labels})
			}
		}
	}
	for i := range found {
		found[i].expr = variables.Replace(found[i].expr)
	}
	return found
}

// ofRules returns the rules. A comparison says 0 or 1, as bool has it: a healthy engine has none that holds.
func ofRules(t *testing.T) (found []expression) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(run.Root(t), "alerts", "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []struct {
					Alert, Record, Expr string
					Annotations         map[string]string
				}
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &file), path)
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				expr := r.Expr
				if r.Alert != "" {
					expr = compared.ReplaceAllString(expr, " $1 bool ")
				}
				found = append(found, expression{r.Alert + r.Record, expr, all(told, r.Annotations["summary"]+r.Annotations["description"])})
			}
		}
	}
	return found
}

// atMost is how long the run may take: the shortest alert has to last for a minute.
const atMost = 150 * time.Second

// live starts a collector, two nodes of an engine with which things go wrong, another engine and a Prometheus that knows
// them all.
func live(t testing.TB) (*prom.Server, *foreign) {
	t.Helper()
	c := run.NewCollector(t)
	backend := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	refuse(t, backend)
	few := changed(t, "  cardinality_limit:\n", "    max_series_per_metric: 500\n") // the demo finds one full
	c.LaunchFile(few, map[string]string{"EVENTFLUX_EXPORTER": "otlp_grpc", "EVENTFLUX_OTLP_ENDPOINT": backend})
	c.WaitReady()
	p := prom.Start(t, c, filepath.Join(run.Root(t), "alerts"), past(t, 900, 0.0001), "")
	run.Eventually(t, "Prometheus knows the collector for some seconds, and no engine", func() bool {
		known, _, err := p.Range("count_over_time(otelcol_process_uptime[10s]) >= 4", time.Second)
		return err == nil && len(known) > 0
	})
	config := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(config, []byte("[service]\ntenant = \"demo\"\n\n[telemetry]\nlevel = \"detail\"\n"), 0o600))
	run.NewEngine{
		Endpoint: c.Endpoint(),
		Both:     []string{"--config", config, "--set", "state=" + t.TempDir(), "--set", "checkpoint=500ms"},
		A:        []string{"--fault", "label_explosion=2000@5s+30s", "--fault", "lost_peer=3@5s+20s", "--fault", "burst=20@5s+30s", "--fault", "failing_query=50@5s", "--fault", "full_buffer=20ms@10s+20s"},
	}.Start(t)
	return p, newForeign(t, c.Endpoint())
}

func TestEveryMetricAndLabelIsLive(t *testing.T) {
	expressions := append(ofDashboards(t), ofRules(t)...)
	began, pending := time.Now(), expressions
	p, other := live(t)
	known := map[string][]prom.Labels{}
	var missing, slow []string
	for second := range time.Tick(time.Second) {
		require.NoError(t, other.send(t))
		if second.Sub(began).Seconds() < 60 {
			continue
		}
		pending = slices.DeleteFunc(slices.Clone(pending), func(e expression) bool {
			found, took, err := p.Range(e.expr, second.Sub(began))
			require.NoError(t, err, e.where)
			if took > 200*time.Millisecond {
				slow = append(slow, fmt.Sprintf("%s: %s", e.where, took))
			}
			for _, l := range e.labels {
				if len(found) > 0 && !slices.ContainsFunc(found, func(m prom.Labels) bool { return m[l] != "" }) {
					missing = append(missing, fmt.Sprintf("%s: its result has no label %q", e.where, l))
				}
			}
			return len(found) > 0
		})
		if len(pending) == 0 || second.Sub(began) > atMost {
			break
		}
	}
	for _, e := range pending {
		assert.Fail(t, "there is no data", "%s: %s", e.where, e.expr)
	}
	for _, e := range expressions {
		missing = append(missing, unknown(t, p, e, known)...)
	}
	assert.Empty(t, missing)
	assert.Empty(t, p.RuleProblems())
	t.Logf("%d expressions over %d metrics after %s; slower than 200 ms: %v", len(expressions), len(known), time.Since(began).Round(time.Second), slow)
}

// unknown returns the metrics and labels of an expression that Prometheus has never seen.
func unknown(t *testing.T, p *prom.Server, e expression, known map[string][]prom.Labels) (missing []string) {
	t.Helper()
	tree, err := p.Parse(e.expr)
	require.NoError(t, err, e.where)
	var used []prom.Labels
	var grouping []string
	tree.Walk(func(n prom.Node) {
		switch n["type"] {
		case "aggregation":
			if n["without"] != true {
				for _, l := range n["grouping"].([]any) {
					grouping = append(grouping, l.(string))
				}
			}
		case "vectorSelector", "matrixSelector":
			name := n["name"].(string)
			if _, ok := known[name]; !ok {
				known[name], err = p.Series(name)
				require.NoError(t, err, e.where)
			}
			used = append(used, known[name]...)
			if len(known[name]) == 0 {
				missing = append(missing, fmt.Sprintf("%s: no metric %s", e.where, name))
				return
			}
			for _, m := range n["matchers"].([]any) {
				label := m.(map[string]any)["name"].(string)
				if label != "otel_metric_overflow" && !slices.ContainsFunc(known[name], func(s prom.Labels) bool { return s[label] != "" }) {
					missing = append(missing, fmt.Sprintf("%s: %s has no label %s", e.where, name, label))
				}
			}
		}
	})
	for _, l := range grouping {
		if !slices.ContainsFunc(used, func(s prom.Labels) bool { return s[l] != "" }) {
			missing = append(missing, fmt.Sprintf("%s: nothing has the label %s", e.where, l))
		}
	}
	return missing
}

// changed is the standalone configuration with lines more after the first place where it has these.
func changed(t testing.TB, after, more string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run.Root(t), "configs", "standalone.yaml"))
	require.NoError(t, err)
	config := strings.Replace(string(text), after, after+more, 1)
	require.NotEqual(t, string(text), config)
	path := filepath.Join(t.TempDir(), "changed.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	return path
}

// refuse starts a backend that knows no signal.
func refuse(t testing.TB, addr string) *grpc.Server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	server := grpc.NewServer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln) // ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return server
}

// past is a folder of Prometheus that has what the rules compare with: what was usual for a query a week ago, its events in a
// second and the seconds of a batch, and the memory of node a an hour ago.
func past(t testing.TB, events, latency float64) string {
	t.Helper()
	var text strings.Builder
	add := func(name, labels string, value float64, ago time.Duration) {
		fmt.Fprintf(&text, "# TYPE %s gauge\n", name)
		for m := -40; m <= 40; m++ {
			at := time.Now().Add(-ago + time.Duration(m)*time.Minute)
			fmt.Fprintf(&text, "%s{job=\"eventflux-engine\",%s} %g %d\n", name, labels, value, at.Unix())
		}
	}
	const week, query = 7 * 24 * time.Hour, `query_id="price_filter"`
	add("job_query:events:rate5m", query, events, week)
	add("job_query:latency_seconds:mean5m", query, latency, week)
	add("job_query:errors:ratio_rate5m", query, 0.01, week)
	add("process_memory_usage_bytes", `instance="node-a"`, 40e6, 70*time.Minute)
	text.WriteString("# EOF\n")
	dir := t.TempDir()
	path := filepath.Join(dir, "past.txt")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	out, err := exec.Command(run.Binary(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", path, dir).CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}
