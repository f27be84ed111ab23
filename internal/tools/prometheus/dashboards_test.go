// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type source struct{ Type, UID string }

type panel struct {
	ID                       int
	Title, Description, Type string
	Datasource               source
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct {
			Unit, NoValue string
			Links         []struct{ URL string }
		}
	}
	Targets []struct {
		Expr       string
		Datasource source
	}
}

type dashboard struct {
	UID           string
	Editable      bool
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Label, Type, Definition, AllValue string
			Query                                   any
			Refresh                                 int
			Multi                                   bool
			Datasource                              source
		}
	}
	Annotations struct {
		List []struct {
			Name, Expr string
			Datasource source
		}
	}
	Panels []panel
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for _, path := range glob(t, "dashboards/*.json") {
		text := read(t, path)
		for _, not := range []string{`"__inputs"`, `"elements"`, `"layout"`, "#"} {
			assert.NotContains(t, text, not, path)
		}
		var d dashboard
		require.NoError(t, json.Unmarshal([]byte(text), &d), path)
		assert.NotContains(t, all, d.UID, "the uid is taken")
		all[d.UID] = d
	}
	return all
}

func (d dashboard) variables() (all []string) {
	for _, v := range d.Templating.List {
		all = append(all, v.Name)
	}
	return all
}

// The uids are in people's bookmarks and in links of alerts.
func TestUIDsStay(t *testing.T) {
	var uids []string
	for uid, d := range dashboards(t) {
		uids = append(uids, uid)
		assert.FileExists(t, filepath.Join(root, "dashboards", uid+".json"))
		assert.GreaterOrEqual(t, d.SchemaVersion, 39, uid)
	}
	assert.ElementsMatch(t, []string{
		"eventflux-overview", "eventflux-queries", "eventflux-streams", "eventflux-system",
		"eventflux-pipeline", "eventflux-flow", "eventflux-slo", "eventflux-capacity",
	}, uids)
}

var (
	target   = regexp.MustCompile(`^/d/([a-z-]+)\?`)
	handed   = regexp.MustCompile(`var-([a-z]+)=`)
	named    = regexp.MustCompile(`\$([a-z]+)\b`)
	selected = regexp.MustCompile(`^label_values\((.*), [a-z_]+\)$`)
)

func TestDashboardsFitTogether(t *testing.T) {
	series, all := known(t), dashboards(t)
	series["ALERTS"] = []string{"alertname", "alertstate", "severity"}
	for uid, d := range all {
		variables := d.variables()
		for _, a := range d.Annotations.List {
			check(t, uid+" "+a.Name, a.Expr, series)
			assert.Equal(t, "${datasource}", a.Datasource.UID, uid)
		}
		ids, taken, area, bottom, queries := map[int]bool{}, map[[2]int]string{}, 0, 0, 0
		for _, p := range d.Panels {
			where := uid + ": " + p.Title
			assert.False(t, ids[p.ID], "%s: its id is taken", where)
			ids[p.ID] = true
			area += p.GridPos.W * p.GridPos.H
			bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
			queries += len(p.Targets)
			assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, where)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					assert.Empty(t, taken[[2]int{x, y}], "%s overlaps", where)
					taken[[2]int{x, y}] = p.Title
				}
			}
			assert.Contains(t, p.Description, "Next:", where)
			assert.Regexp(t, "Bad:", p.Description, where)
			assert.NotEmpty(t, p.FieldConfig.Defaults.NoValue, where)
			for _, q := range p.Targets {
				check(t, where, q.Expr, series)
				for _, v := range named.FindAllStringSubmatch(q.Expr, -1) {
					assert.Contains(t, variables, v[1], "%s: no variable", where)
				}
			}
			if uid == "eventflux-overview" {
				assert.NotEmpty(t, p.FieldConfig.Defaults.Links, "%s leads nowhere", where)
			}
			for _, l := range p.FieldConfig.Defaults.Links {
				m := target.FindStringSubmatch(l.URL)
				require.NotNil(t, m, l.URL)
				to, ok := all[m[1]]
				require.True(t, ok, "%s: no dashboard %q", where, m[1])
				assert.Contains(t, l.URL, "${__url_time_range}", where)
				for _, v := range handed.FindAllStringSubmatch(l.URL, -1) {
					assert.Contains(t, to.variables(), v[1], "%s: %s", where, l.URL)
				}
			}
		}
		assert.Equal(t, 24*bottom, area, "%s has holes", uid)
		assert.LessOrEqual(t, len(d.Panels), 25, uid)
		assert.LessOrEqual(t, queries, 60, uid)
	}
}

// excused says why a panel need not keep a rule of the linter, or nothing.
func excused(rule string, v *parser.VectorSelector) string {
	switch {
	case rule == "target-rate-interval-rule":
		return "a forecast is drawn through all of the time shown"
	case strings.HasPrefix(v.Name, "system_"):
		return "hosts have a job and an instance of their own, which no variable lists"
	case strings.Contains(v.Name, ":") || v.Name == "query_latency_seconds":
		return "recorded without this label"
	case v.Name == "eventflux_uptime_seconds":
		return "joined by job and instance to series that have the matchers"
	}
	return ""
}

var units = []string{"none", "s", "bytes", "percent", "percentunit", "eps", "cps", "Bps"}

// The rules are those of Grafana's dashboard linter, by its names for them.
func TestTheLinterHasNothingToSay(t *testing.T) {
	series, excuses := known(t), map[string]map[string]bool{}
	for uid, d := range dashboards(t) {
		assert.False(t, d.Editable, "%s: uneditable-dashboard", uid)
		sources := 0
		for _, v := range d.Templating.List {
			where := uid + ": $" + v.Name
			switch v.Type {
			case "datasource":
				sources++
				assert.Equal(t, "datasource", v.Name, "%s: template-datasource-rule", where)
				assert.Equal(t, "Data Source", v.Label, "%s: template-datasource-rule", where)
				assert.Equal(t, "prometheus", v.Query, "%s: template-datasource-rule", where)
			case "query":
				m := selected.FindStringSubmatch(v.Definition)
				require.NotNil(t, m, "%s: template-label-promql-rule", where)
				check(t, where+": template-label-promql-rule", m[1], series)
				assert.Equal(t, 2, v.Refresh, "%s: template-on-time-change-reload-rule", where)
				assert.Equal(t, source{"prometheus", "${datasource}"}, v.Datasource, where)
				assert.True(t, v.Multi, where)
				assert.Equal(t, ".+", v.AllValue, where)
			default:
				assert.Fail(t, "a variable of type "+v.Type, where)
			}
			if v.Name == "job" || v.Name == "instance" {
				assert.Equal(t, v.Name, v.Label, "%s: template-%s-rule", where, v.Name)
			}
		}
		assert.Equal(t, 1, sources, "%s: template-datasource-rule", uid)
		assert.Contains(t, d.variables(), "job", "%s: template-job-rule", uid)
		assert.Contains(t, d.variables(), "instance", "%s: template-instance-rule", uid)
		for _, p := range d.Panels {
			where := uid + ": " + p.Title
			// With Prometheus alone, target-logql-rule and target-logql-auto-rule have nothing to look at.
			assert.Equal(t, source{"prometheus", "${datasource}"}, p.Datasource, "%s: panel-datasource-rule", where)
			assert.NotEmpty(t, p.Title, "%s: panel-title-description-rule", where)
			assert.NotEmpty(t, p.Description, "%s: panel-title-description-rule", where)
			assert.Contains(t, units, p.FieldConfig.Defaults.Unit, "%s: panel-units-rule", where)
			assert.NotEmpty(t, p.Targets, "%s: panel-no-targets-rule", where)
			for _, q := range p.Targets {
				assert.Equal(t, source{"prometheus", "${datasource}"}, q.Datasource, "%s: panel-datasource-rule", where)
				assert.NotRegexp(t, `\[[0-9]`, q.Expr, "%s: the window is fixed", where)
				for rule, selector := range broken(t, q.Expr) {
					reason := excused(rule, selector)
					assert.NotEmpty(t, reason, "%s: %s: %s", where, rule, selector)
					if excuses[rule] == nil {
						excuses[rule] = map[string]bool{}
					}
					excuses[rule][reason] = true
				}
			}
		}
	}
	for rule, reasons := range excuses {
		t.Logf("%s is excused: %v", rule, reasons)
	}
	assert.LessOrEqual(t, len(excuses), 4, "too many rules are excused")
}

// broken returns the target-* rules that an expression does not keep, each with a selector that shows it.
func broken(t *testing.T, expr string) map[string]*parser.VectorSelector {
	t.Helper()
	const interval, all = "7m", "77m" // stand for the variables
	expr = strings.NewReplacer("$__rate_interval", interval, "$__range", all).Replace(expr)
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, "target-promql-rule: %s", expr)
	found := map[string]*parser.VectorSelector{}
	parser.Inspect(parsed, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, label := range []string{"job", "instance"} {
			if !slices.ContainsFunc(v.LabelMatchers, func(m *labels.Matcher) bool { return m.String() == label+`=~"$`+label+`"` }) {
				found["target-"+label+"-rule"] = v
			}
		}
		if m, ok := last(path).(*parser.MatrixSelector); ok && m.Range.String() != "7m0s" {
			found["target-rate-interval-rule"] = v
		}
		if strings.HasSuffix(v.Name, "_total") && !counted(path) {
			found["target-counter-agg-rule"] = v
		}
		return nil
	})
	return found
}

func last(path []parser.Node) parser.Node {
	if len(path) == 0 {
		return nil
	}
	return path[len(path)-1]
}

func counted(path []parser.Node) bool {
	return slices.ContainsFunc(path, func(n parser.Node) bool {
		c, ok := n.(*parser.Call)
		return ok && slices.Contains([]string{"rate", "irate", "increase"}, c.Func.Name)
	})
}
