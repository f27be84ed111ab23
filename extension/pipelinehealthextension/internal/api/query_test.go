// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

func TestQuestions(t *testing.T) {
	var asked Question
	f := Face{
		Health: func(q Question) verdict.Report {
			asked = q
			return verdict.Report{Status: verdict.Degraded, Details: verdict.Details{EventPipeline: []verdict.Reason{{Text: "an address"}}}}
		},
		Pipeline: func(id string) (verdict.Pipeline, bool) {
			return verdict.Pipeline{
				Pipeline: id, Status: verdict.Degraded, Details: []verdict.Reason{{Text: "an address"}}, NotSeen: []verdict.Reason{{Text: "an address"}},
			}, id == "logs/2"
		},
	}
	for _, tt := range []struct {
		path string
		code int
		want Question
		says string
	}{
		{"/health", 200, Question{}, "an address"},
		{"/health?verbose", 200, Question{Verbose: true}, "an address"},
		{"/health?verbose=true", 200, Question{Verbose: true}, "an address"},
		{"/health?verbose=false", 200, Question{}, "an address"},
		{"/health?exclude=query_runtime", 200, Question{Exclude: []string{"query_runtime"}}, "an address"},
		{"/health?exclude=query_runtime,state_backend&exclude=event_pipeline&verbose=1", 200, Question{
			Exclude: []string{"query_runtime", "state_backend", "event_pipeline"}, Verbose: true,
		}, "an address"},
		{"/health?exclude=disk", 400, Question{}, `exclude must be names of checks (event_pipeline, state_backend, query_runtime), got \"disk\"`},
		{"/health?pipeline=logs/2", 200, Question{}, `"pipeline":"logs/2"`},
		{"/health?pipeline=logs", 404, Question{}, `no pipeline \"logs\" is configured`},
	} {
		asked = Question{}
		got := ask(t, f, http.MethodGet, tt.path)
		if got.Code != tt.code || !strings.Contains(got.Body.String(), tt.says) {
			t.Errorf("%s = %d %s, want %d %s", tt.path, got.Code, got.Body, tt.code, tt.says)
		}
		if asked.Verbose != tt.want.Verbose || !slices.Equal(asked.Exclude, tt.want.Exclude) {
			t.Errorf("%s asks %+v, want %+v", tt.path, asked, tt.want)
		}
	}
	f.Public = true
	for _, path := range []string{"/health", "/health?pipeline=logs/2", "/health/pipelines/logs/2"} {
		if got := ask(t, f, http.MethodGet, path); got.Code != 200 || strings.Contains(got.Body.String(), "an address") {
			t.Errorf("%s = %d %s for everybody", path, got.Code, got.Body)
		}
	}
}

func TestForEverybody(t *testing.T) {
	for path, want := range map[string]bool{
		"/health": true, "/health?exclude=query_runtime": true, "/health?pipeline=logs": true, "/health/pipelines/logs": true,
		"/ready": true, "/live": true, "/ready?engine=a": true, "/live?engine=a": true,
		"/health?verbose": false, "/health?verbose=1&pipeline=logs": false, "/health/pipelines/logs?verbose": false,
		"/engines": false, "/cardinality": false, "/health/engines/a": false, "/engines/a/contract": false, "/": false,
	} {
		if got := ForEverybody(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)); got != want {
			t.Errorf("ForEverybody(%s) = %t", path, got)
		}
	}
}

func TestALoopThatHangsIsDeath(t *testing.T) {
	f := Face{Hung: func() []string { return []string{"engines of eventflux", "flush of cardinality_limit"} }}
	got := ask(t, f, http.MethodGet, "/live")
	if want := `{"status":"dead","reason":"hangs: engines of eventflux, flush of cardinality_limit"}`; got.Code != 503 || got.Body.String() != want {
		t.Errorf("%d %s, want %s", got.Code, got.Body, want)
	}
}
