// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

var lively = Face{Hung: func() []string { return nil }}

func face(r verdict.Report, ready verdict.Readiness) Face {
	return Face{Health: func(Question) verdict.Report { return r }, Ready: func() verdict.Readiness { return ready }}
}

func TestHealthHasTheKeysOfTheContract(t *testing.T) {
	report := verdict.Report{
		Status: verdict.Healthy, UptimeSeconds: 3600, QueriesRunning: 5, StreamsActive: 10, MemoryUsageMB: 256,
		Checks:  verdict.Checks{EventPipeline: verdict.OK, StateBackend: verdict.Unknown, QueryRuntime: verdict.OK},
		Engines: verdict.Engines{Up: 2},
	}
	got := ask(t, face(report, verdict.Readiness{}), http.MethodGet, "/health")
	want := `{"status":"healthy","uptime_seconds":3600,"queries_running":5,"streams_active":10,"memory_usage_mb":256,` +
		`"checks":{"event_pipeline":"ok","state_backend":"unknown","query_runtime":"ok"},` +
		`"engines":{"up":2,"silent":0,"shutdown":0},"destinations":{"ok":0,"failing":0}}`
	if body := got.Body.String(); body != want {
		t.Errorf("body is\n%s\nwant\n%s", body, want)
	}
}

func TestHealthNamesReasonsAndKeepsErrorsBack(t *testing.T) {
	report := verdict.Report{
		Status:  verdict.Degraded,
		Details: verdict.Details{EventPipeline: []verdict.Reason{{Text: "exporter x is in trouble", Err: "secret"}}},
	}
	got := ask(t, face(report, verdict.Readiness{}), http.MethodGet, "/health").Body.String()
	want := `"details":{"event_pipeline":["exporter x is in trouble"]}}`
	if len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("body is %s, want it to end with %s", got, want)
	}
}

func TestCodes(t *testing.T) {
	tests := []struct {
		path  string
		face  Face
		code  int
		check string // the whole body, "" where another test reads it
	}{
		{"/health", face(verdict.Report{Status: verdict.Healthy}, verdict.Readiness{}), 200, ""},
		{"/health", face(verdict.Report{Status: verdict.Degraded}, verdict.Readiness{}), 200, ""},
		{"/health", face(verdict.Report{Status: verdict.Unhealthy}, verdict.Readiness{}), 503, ""},
		{"/health", face(verdict.Report{Status: verdict.Starting}, verdict.Readiness{}), 503, ""},
		{"/health", face(verdict.Report{Status: verdict.ShuttingDown}, verdict.Readiness{}), 503, ""},
		{"/ready", face(verdict.Report{}, verdict.Readiness{Ready: true}), 200, `{"status":"ready"}`},
		{"/ready", face(verdict.Report{}, verdict.Readiness{Reason: "starting"}), 503, `{"status":"not_ready","reason":"starting"}`},
		{"/ready", face(verdict.Report{}, verdict.Readiness{Reason: "shutting down"}), 503, `{"status":"not_ready","reason":"shutting down"}`},
		{"/live", lively, 200, `{"status":"alive"}`},
		{"/", Face{}, 404, string(notFound)},
		{"/status", Face{}, 404, string(notFound)},
		{"/health/", Face{}, 404, string(notFound)},
		{"/health/../live", Face{}, 404, string(notFound)},
	}
	for _, tt := range tests {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := ask(t, tt.face, method, tt.path)
			if got.Code != tt.code {
				t.Errorf("%s %s = %d, want %d", method, tt.path, got.Code, tt.code)
			}
			if body := got.Body.String(); tt.check != "" && body != tt.check {
				t.Errorf("%s %s answers %s, want %s", method, tt.path, body, tt.check)
			}
		}
	}
}

func TestCardinality(t *testing.T) {
	asked := func(top int, limits []int) []cardinalityview.Report {
		r := cardinalityview.Report{Processor: "cardinality_limit", Series: cardinalityview.Budget{Limit: top, Used: 1}}
		for _, limit := range limits {
			r.WhatIf = append(r.WhatIf, cardinalityview.WhatIf{MaxSeriesPerMetric: limit, Metrics: 2, Refused: 3})
		}
		return []cardinalityview.Report{r}
	}
	for query, want := range map[string]string{
		"":       `"series":{"limit":20,"used":1}`,
		"?top=5": `"series":{"limit":5,"used":1}`,
		"?what_if=500,2000": `"what_if":[{"max_series_per_metric":500,"metrics_over":2,"series_refused":3},` +
			`{"max_series_per_metric":2000,"metrics_over":2,"series_refused":3}]`,
	} {
		got := ask(t, Face{Cardinality: asked}, http.MethodGet, "/cardinality"+query)
		if body := got.Body.String(); got.Code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want it to hold %s", query, got.Code, body, want)
		}
	}
	for query, want := range map[string]string{
		"?top=0":      `{"error":"top must be a number between 1 and 1000, got \"0\""}`,
		"?top=many":   `{"error":"top must be a number between 1 and 1000, got \"many\""}`,
		"?what_if=1,": `{"error":"what_if must be a number between 1 and 2147483647, got \"\""}`,
		"?what_if=" + strings.Repeat("1,", 20) + "1": `{"error":"what_if must be at most 20 numbers, got 21"}`,
	} {
		got := ask(t, Face{Cardinality: asked}, http.MethodGet, "/cardinality"+query)
		if body := got.Body.String(); got.Code != http.StatusBadRequest || body != want {
			t.Errorf("%s: %d %s, want 400 %s", query, got.Code, body, want)
		}
	}
}

func TestWhatAnEngineSendsLacksAndGetsWrong(t *testing.T) {
	seen := time.Date(2026, 11, 24, 10, 33, 0, 0, time.UTC)
	face := Face{Contract: func(instance string) []engineview.Contract {
		if instance != "node/b 1" {
			return nil
		}
		return []engineview.Contract{{
			Name: "engine", InstanceID: instance, Version: "1.2", FirstSeen: seen, LastSeen: seen.Add(time.Minute),
			Sends: []string{"query.latency"}, Lacks: []string{"connections"},
			Violations: []engineview.Violation{{
				Rule: "wrong_unit", Breaches: 3, Rejected: 12,
				First: `"query.latency" has unit "ms": record it in "s"`, FirstSeen: seen, LastSeen: seen,
			}},
		}}
	}}
	want := `{"engines":[{"service_name":"engine","service_instance_id":"node/b 1","service_version":"1.2",` +
		`"first_seen":"2026-11-24T10:33:00Z","last_seen":"2026-11-24T10:34:00Z",` +
		`"sends":["query.latency"],"lacks":["connections"],` +
		`"violations":[{"rule":"wrong_unit","breaches":3,"rejected":12,` +
		`"first":"\"query.latency\" has unit \"ms\": record it in \"s\"","first_seen":"2026-11-24T10:33:00Z","last_seen":"2026-11-24T10:33:00Z"}]}]}`
	for _, path := range []string{"/engines/node%2Fb%201/contract", "/engines/node/b%201/contract"} {
		got := ask(t, face, http.MethodGet, path)
		if body := got.Body.String(); got.Code != http.StatusOK || body != want {
			t.Errorf("%s: %d\n%s, want\n%s", path, got.Code, body, want)
		}
	}
	unknown := `{"error":"no engine is known with service.instance.id \"c\": it is the label instance of an engine's series"}`
	for path, want := range map[string]string{
		"/engines/c/contract": unknown, "/engines/contract": string(notFound),
		"/engines//contract": string(notFound), "/engines/c": string(notFound),
	} {
		got := ask(t, face, http.MethodGet, path)
		if body := got.Body.String(); got.Code != http.StatusNotFound || body != want {
			t.Errorf("%s: %d %s, want 404 %s", path, got.Code, body, want)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	for _, method := range []string{
		http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, "BREW",
	} {
		for _, path := range []string{"/health", "/ready", "/live", "/cardinality", "/engines/a/contract"} {
			got := ask(t, Face{}, method, path)
			if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s = %d, Allow %q", method, path, got.Code, got.Header().Get("Allow"))
			}
			if body := got.Body.String(); body != string(notAllowed) {
				t.Errorf("%s %s answers %s", method, path, body)
			}
		}
		if got := ask(t, Face{}, method, "/nowhere"); got.Code != http.StatusNotFound {
			t.Errorf("%s /nowhere = %d", method, got.Code)
		}
	}
}

// ask checks what is the same for every answer.
func ask(t *testing.T, f Face, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	for key, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("%s %s: %s is %q, want %q", method, path, key, got, want)
		}
	}
	return w
}

func BenchmarkLive(b *testing.B) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/live", http.NoBody)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		w.Body.Reset()
		lively.ServeHTTP(w, r)
	}
}
