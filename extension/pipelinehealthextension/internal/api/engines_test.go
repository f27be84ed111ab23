// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fleet is of four engines: one is up, one is dead, one said goodbye, and one has a twin
// that is dead.
func fleet() Face {
	engines := []engineview.Engine{
		{Name: "flux", InstanceID: "up", Version: "1.2", State: engineview.StateUp, Evidence: engineview.EvidenceData, Started: noon.Add(-time.Hour), MemoryBytes: 64 << 20, Queries: 5, Streams: 7, LastSeen: noon, Items: engineview.Items{Accepted: 30, Refused: 2, Rejected: 1}},
		{Name: "flux", InstanceID: "dead/1", State: engineview.StateSilent, Evidence: engineview.EvidenceConnectionLost, LastSeen: noon},
		{Name: "flux", InstanceID: "left", State: engineview.StateShutdown, Evidence: engineview.EvidenceGoodbye, LastSeen: noon},
		{Name: "flux", InstanceID: "twin", State: engineview.StateUp, LastSeen: noon},
		{Name: "flux2", InstanceID: "twin", State: engineview.StateSilent, Evidence: engineview.EvidenceConnectionLost, LastSeen: noon},
	}
	return Face{
		Now:   func() time.Time { return noon },
		Ready: func() verdict.Readiness { return verdict.Readiness{Reason: "starting"} },
		Engines: func(instance string) (some []engineview.Engine) {
			for _, e := range engines {
				if instance == "" || e.InstanceID == instance {
					some = append(some, e)
				}
			}
			return some
		},
	}
}

func TestHealthOfAnEngineHasTheKeysOfTheContract(t *testing.T) {
	got := ask(t, fleet(), http.MethodGet, "/health/engines/up")
	want := `{"status":"healthy","uptime_seconds":3600,"queries_running":5,"streams_active":7,"memory_usage_mb":64,` +
		`"checks":{"event_pipeline":"unknown","state_backend":"unknown","query_runtime":"ok"},` +
		`"name":"flux","instance":"up","version":"1.2","state":"up","evidence":"data","last_seen":"2026-03-01T12:00:00Z","items":{"accepted":30,"refused":2,"rejected":1}}`
	if body := got.Body.String(); got.Code != 200 || body != want {
		t.Errorf("%d\n%s\nwant\n%s", got.Code, body, want)
	}
}

func TestProbesOfEngines(t *testing.T) {
	for _, c := range []struct {
		path string
		code int
		says string
	}{
		{"/health/engines/dead/1", 503, `"status":"unhealthy"`},
		{"/health/engines/dead%2F1", 503, `"status":"unhealthy"`},
		{"/health/engines/left", 503, `"status":"shutting_down"`},
		{"/health/engines/twin", 503, `"name":"flux2"`},
		{"/health/engines/nobody", 404, `no engine is known`},
		{"/health/engines/", 404, `not found`},
		{"/ready?engine=up", 200, `{"status":"ready"}`},
		{"/ready?engine=dead/1", 503, `"reason":"silent: connection_lost"`},
		{"/ready?engine=left", 503, `"reason":"shutting down"`},
		{"/ready?engine=nobody", 503, `"reason":"no such engine was heard of"`},
		{"/ready", 503, `"reason":"starting"`},
		{"/ready?other=1", 503, `"reason":"starting"`},
		{"/live?engine=up", 200, `{"status":"alive"}`},
		{"/live?engine=dead/1", 503, `{"status":"dead","reason":"its last connection ended, and it did not come back (connection_lost)"}`},
		{"/live?engine=left", 200, `{"status":"alive"}`},
		{"/live?engine=nobody", 200, `{"status":"alive"}`},
		{"/live", 200, `{"status":"alive"}`},
	} {
		if got := ask(t, fleet(), http.MethodGet, c.path); got.Code != c.code || !strings.Contains(got.Body.String(), c.says) {
			t.Errorf("GET %s: %d %s, want %d and %s", c.path, got.Code, got.Body, c.code, c.says)
		}
	}
}

func TestEnginesAreListedUpToABound(t *testing.T) {
	var list struct {
		Total   int
		Engines []struct{ Instance, Status string }
	}
	if err := json.Unmarshal(ask(t, fleet(), http.MethodGet, "/engines").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list); got != "{5 [{up healthy} {dead/1 unhealthy} {left shutting_down} {twin healthy} {twin unhealthy}]}" {
		t.Errorf("list is %s", got)
	}
	face := Face{Now: time.Now, Engines: func(string) []engineview.Engine { return make([]engineview.Engine, maxEngines+5) }}
	if err := json.Unmarshal(ask(t, face, http.MethodGet, "/engines").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if list.Total != maxEngines+5 || len(list.Engines) != maxEngines {
		t.Errorf("%d engines of %d", len(list.Engines), list.Total)
	}
}

func TestHealthOfAPipeline(t *testing.T) {
	face := Face{Pipeline: func(id string) (verdict.Pipeline, bool) {
		return verdict.Pipeline{Pipeline: id, Status: map[string]verdict.Status{"logs": verdict.Degraded}[id]}, strings.HasPrefix(id, "logs")
	}}
	for path, want := range map[string]string{
		"/health/pipelines/logs":     `200 {"pipeline":"logs","status":"degraded"}`,
		"/health/pipelines/logs/b":   `503 {"pipeline":"logs/b","status":""}`,
		"/health/pipelines/logs%2Fb": `503 {"pipeline":"logs/b","status":""}`,
		"/health/pipelines/traces":   `404 {"error":"no pipeline \"traces\" is configured"}`,
		"/health/pipelines/":         `404 ` + string(notFound),
	} {
		got := ask(t, face, http.MethodGet, path)
		if text := fmt.Sprint(got.Code, " ", got.Body); text != want {
			t.Errorf("GET %s: %s, want %s", path, text, want)
		}
	}
}
