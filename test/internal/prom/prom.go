// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package prom starts a Prometheus with the shipped configuration and asks it.
package prom

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// Server is a running Prometheus that scrapes every second. Where the machine is so busy that a page takes longer, the
// scrape fails, and all lines have a gap.
type Server struct {
	*run.Process
	URL string
	t   testing.TB
}

// Start starts Prometheus with configs/prometheus.yml, its ports changed to those of c, its intervals to one second and
// its rules to those in the folder rules. Alerts go to alertmanager, if that is not empty. data holds what earlier times left.
func Start(t testing.TB, c *run.Collector, rules, data, alertmanager string) *Server {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run.Root(t), "configs", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer(
		"localhost:9090", fmt.Sprintf("127.0.0.1:%d", c.Prometheus), "localhost:8888", fmt.Sprintf("127.0.0.1:%d", c.Self),
		"_interval: 5s", "_interval: 1s", "../alerts", rules,
	).Replace(string(text))
	if alertmanager != "" {
		config += fmt.Sprintf("\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", alertmanager)
	}
	path := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	s := &Server{t: t, URL: "http://" + addr}
	s.Process = run.Start(t, "prometheus", run.Binary(t, "prometheus"), []string{
		"--config.file=" + path, "--storage.tsdb.path=" + data, "--web.listen-address=" + addr, "--enable-feature=exemplar-storage",
	}, nil)
	run.Eventually(t, "Prometheus is ready", func() bool {
		resp, err := http.Get(s.URL + "/-/ready") //nolint:noctx // a loopback server that the test has started
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// ask calls one function of the HTTP API and reads its data.
func (s *Server) ask(path string, params url.Values, data any) error {
	resp, err := http.PostForm(s.URL+"/api/v1/"+path, params) //nolint:noctx // as above
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("ask Prometheus: %w: %s", err, body)
	}
	if answer.Status != "success" {
		return fmt.Errorf("ask Prometheus for %v: %s", params, answer.Error)
	}
	return nil
}

// Labels are those of one series.
type Labels map[string]string

// Range returns the series that an expression has had within the last d, and how long the answer took.
func (s *Server) Range(expr string, d time.Duration) ([]Labels, time.Duration, error) {
	now := time.Now()
	var found struct {
		Result []struct{ Metric Labels }
	}
	err := s.ask("query_range", url.Values{
		"query": {expr}, "step": {"1"}, "start": {stamp(now.Add(-d))}, "end": {stamp(now)},
	}, &found)
	all := make([]Labels, 0, len(found.Result))
	for _, r := range found.Result {
		all = append(all, r.Metric)
	}
	return all, time.Since(now), err
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// Series returns the series of a metric by their labels.
func (s *Server) Series(name string) ([]Labels, error) {
	var found []Labels
	err := s.ask("series", url.Values{"match[]": {name}}, &found)
	return found, err
}

// Parse returns the syntax tree of an expression.
func (s *Server) Parse(expr string) (Node, error) {
	var tree Node
	err := s.ask("parse_query", url.Values{"query": {expr}}, &tree)
	return tree, err
}

// Node is a node of a syntax tree.
type Node map[string]any

// Walk calls visit for the node and all below it.
func (n Node) Walk(visit func(Node)) {
	visit(n)
	for _, v := range n {
		switch v := v.(type) {
		case map[string]any:
			Node(v).Walk(visit)
		case []any:
			for _, e := range v {
				if m, ok := e.(map[string]any); ok {
					Node(m).Walk(visit)
				}
			}
		}
	}
}

// Alert is an active alert.
type Alert struct {
	Labels, Annotations Labels
	State               string
}

// Alerts returns the active alerts.
func (s *Server) Alerts() []Alert {
	s.t.Helper()
	resp, err := http.Get(s.URL + "/api/v1/alerts") //nolint:noctx // as above
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Data struct{ Alerts []Alert } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Data.Alerts
}

type rule struct{ Name, LastError, State string }

// rules returns the rules by the group that they are in.
func (s *Server) rules() map[string][]rule {
	s.t.Helper()
	resp, err := http.Get(s.URL + "/api/v1/rules") //nolint:noctx // as above
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Data struct {
			Groups []struct {
				Name  string
				Rules []rule
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	groups := map[string][]rule{}
	for _, g := range answer.Data.Groups {
		groups[g.Name] = append(groups[g.Name], g.Rules...)
	}
	return groups
}

// RuleProblems returns the errors of rules that could not be evaluated.
func (s *Server) RuleProblems() (all []string) {
	s.t.Helper()
	for _, rules := range s.rules() {
		for _, r := range rules {
			if r.LastError != "" {
				all = append(all, r.Name+": "+r.LastError)
			}
		}
	}
	return all
}

// FiringIn returns the alerts of one group that fire.
func (s *Server) FiringIn(group string) (names []string) {
	s.t.Helper()
	for _, r := range s.rules()[group] {
		if r.State == "firing" {
			names = append(names, r.Name)
		}
	}
	return names
}
