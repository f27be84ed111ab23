// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command rulemutants changes one thing of one rule at a time and fails when the tests of the alerts do not notice often
// enough.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// killed is the share of mutants that the tests must notice.
const killed = 0.95

func main() {
	promtool := flag.String("promtool", "", "path of promtool")
	alerts := flag.String("alerts", "", "folder of rules and tests")
	only := flag.String("only", "", "the one alert to look at; empty: all")
	flag.Parse()
	if err := run(os.Stdout, *promtool, *alerts, *only); err != nil {
		fmt.Fprintln(os.Stderr, "rulemutants:", err)
		os.Exit(1)
	}
}

// rule is one alerting or recording rule, and the file and group that it is from.
type rule struct {
	fields      map[string]any
	file, group string
}

func (r rule) text(key string) string {
	s, _ := r.fields[key].(string)
	return s
}

// tests is what the names of its tests begin with.
func (r rule) tests() string {
	if labels, ok := r.fields["labels"].(map[string]any); ok && labels["window"] != nil {
		return fmt.Sprintf("%s of %s ", r.text("alert"), labels["window"])
	}
	return r.text("alert") + " "
}

func run(out io.Writer, promtool, alerts, only string) error {
	rules, err := read(alerts)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rulemutants")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(alerts)); err != nil {
		return fmt.Errorf("copy the rules: %w", err)
	}
	b := bench{promtool: promtool, dir: dir}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "alert\tmutants\tkilled\talive")
	all, dead, seen := 0, 0, map[string]bool{}
	for _, r := range rules {
		if r.text("alert") == "" || only != "" && r.text("alert") != only {
			continue
		}
		reads := recorded(rules, r)
		if noticed, err := b.tested(r, append(reads, r)); err != nil || noticed {
			return errors.Join(err, fmt.Errorf("the tests of %q do not pass without a change", r.tests()))
		}
		tried, alive := 0, []string(nil)
		for i, changed := range append(reads, r) {
			for _, m := range mutants(changed) {
				name := changed.text("record") + m.change
				if changed.text("record") != "" && seen[name] {
					continue // another alert reads it, too
				}
				seen[name] = true
				mutated := append(append([]rule(nil), reads...), r)
				mutated[i] = m.rule
				tried++
				noticed, err := b.tested(r, mutated)
				if err != nil {
					return err
				}
				if !noticed {
					alive = append(alive, strings.TrimSpace(changed.text("record")+" "+m.change))
				}
			}
		}
		all, dead = all+tried, dead+tried-len(alive)
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", strings.TrimSpace(r.tests()), tried, tried-len(alive), strings.Join(alive, "; "))
	}
	if all == 0 {
		return fmt.Errorf("there is no alert %q", only)
	}
	share := float64(dead) / float64(all)
	fmt.Fprintf(table, "all\t%d\t%d\t%.1f %% killed\n", all, dead, 100*share)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if share < killed {
		return fmt.Errorf("fewer than %.0f %% are killed: add tests that notice those that are alive", 100*killed)
	}
	return nil
}

// read returns the rules of all files of a folder.
func read(dir string) (rules []rule, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		return nil, fmt.Errorf("look for rules: %w", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
		var file struct {
			Groups []struct {
				Name  string
				Rules []map[string]any
			}
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				rules = append(rules, rule{r, filepath.Base(path), strings.TrimPrefix(g.Name, "eventflux-")})
			}
		}
	}
	return rules, nil
}

// recorded returns the recording rules that an alert with tests of counters reads. Those of the other alerts are given what
// is recorded.
func recorded(rules []rule, alert rule) (reads []rule) {
	for _, r := range rules {
		if name := r.text("record"); strings.HasPrefix(name, "job:") && strings.Contains(alert.text("expr"), name+" ") {
			reads = append(reads, r)
		}
	}
	return reads
}

// bench runs tests in a folder that has a copy of all of them.
type bench struct{ promtool, dir string }

// tested says whether the tests of an alert notice that something is wrong with the rules, which are all that there are.
func (b bench) tested(alert rule, rules []rule) (bool, error) {
	type group struct {
		Name  string           `yaml:"name"`
		Rules []map[string]any `yaml:"rules"`
	}
	files := map[string][]group{"eventflux_alerts.yml": nil, "eventflux_recording.yml": nil, "eventflux_adaptive.yml": nil}
	for _, r := range rules {
		if files[r.file] == nil {
			files[r.file] = []group{{Name: "eventflux-" + r.group}} // all rules of one file are of one group
		}
		files[r.file][0].Rules = append(files[r.file][0].Rules, r.fields)
	}
	for name, groups := range files {
		text, err := yaml.Marshal(map[string]any{"groups": groups})
		if err != nil {
			return false, fmt.Errorf("write a mutant: %w", err)
		}
		if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
			return false, fmt.Errorf("write a mutant: %w", err)
		}
	}
	tests, err := filepath.Glob(filepath.Join(b.dir, "tests", alert.group+"*_test.yml"))
	if err != nil || tests == nil {
		return false, errors.Join(err, fmt.Errorf("group %s has no tests", alert.group))
	}
	err = exec.Command(b.promtool, append([]string{"test", "rules", "--run", "^" + alert.tests()}, tests...)...).Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("run promtool: %w", err)
	}
	return false, nil
}
