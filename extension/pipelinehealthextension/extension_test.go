// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

type fakeSource []engineview.Engine

func (s *fakeSource) Engines(time.Time) []engineview.Engine { return *s }

func start(t *testing.T) *healthExtension {
	t.Helper()
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	e := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, e.Shutdown(context.Background())) })
	return e
}

func (e *healthExtension) ask(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.addr.String()+path, http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestEndpointsFollowTheLifeOfTheCollector(t *testing.T) {
	e := start(t)
	steps := []struct {
		name   string
		do     func() error
		health int
		status string
		ready  int
		answer string
	}{
		{"starting", func() error { return nil }, 503, "starting", 503, `{"reason":"starting","status":"not_ready"}`},
		{"running", e.Ready, 200, "healthy", 200, `{"status":"ready"}`},
		{"stopping", e.NotReady, 503, "shutting_down", 503, `{"reason":"shutting down","status":"not_ready"}`},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, tt.do())
			resp, body := e.ask(t, http.MethodGet, "/health")
			assert.Equal(t, tt.health, resp.StatusCode)
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
			var report map[string]any
			require.NoError(t, json.Unmarshal([]byte(body), &report))
			assert.Equal(t, tt.status, report["status"])
			for _, key := range []string{"uptime_seconds", "queries_running", "streams_active", "memory_usage_mb", "checks"} {
				assert.Contains(t, report, key)
			}

			resp, body = e.ask(t, http.MethodGet, "/ready")
			assert.Equal(t, tt.ready, resp.StatusCode)
			assert.JSONEq(t, tt.answer, body)

			resp, body = e.ask(t, http.MethodGet, "/live")
			assert.Equal(t, 200, resp.StatusCode)
			assert.JSONEq(t, `{"status":"alive"}`, body)
		})
	}
}

func TestMethodsAndPaths(t *testing.T) {
	e := start(t)
	resp, _ := e.ask(t, http.MethodPost, "/health")
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
	resp, body := e.ask(t, http.MethodHead, "/live")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Empty(t, body)
	resp, body = e.ask(t, http.MethodGet, "/status")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.JSONEq(t, `{"error":"not found","paths":["/health","/ready","/live","/cardinality","/engines","/health/pipelines/{id}","/health/engines/{id}","/engines/{id}/contract"]}`, body)
}

type fakeLimiter struct{}

func (fakeLimiter) Cardinality(top int, limits []int) cardinalityview.Report {
	return cardinalityview.Report{
		Processor: "cardinality_limit",
		Series:    cardinalityview.Budget{Limit: 10, Used: 3},
		Metrics: []cardinalityview.Metric{{
			Tenant: "shop/cart", Metric: "http.requests", Demand: top,
			Attributes: []cardinalityview.Attribute{{Key: "user.id", Values: 50_000, SeriesWithout: 4, Samples: []string{"u1"}}},
		}},
		WhatIf: []cardinalityview.WhatIf{{MaxSeriesPerMetric: limits[0], Metrics: 1, Refused: 7}},
	}
}

func TestCardinality(t *testing.T) {
	e := start(t)
	_, body := e.ask(t, http.MethodGet, "/cardinality")
	assert.JSONEq(t, `{"processors":[]}`, body)

	unregister := e.RegisterCardinality(component.MustNewID("cardinality_limit"), fakeLimiter{})
	resp, body := e.ask(t, http.MethodGet, "/cardinality?top=5&what_if=500")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.JSONEq(t, `{"processors":[{
		"processor":"cardinality_limit",
		"series":{"limit":10,"used":3},
		"tenants":null,
		"metrics":[{"tenant":"shop/cart","metric":"http.requests","limit":0,"used":0,"demand":5,"refused_points":0,
			"attributes":[{"key":"user.id","values":50000,"series_without":4,"samples":["u1"]}]}],
		"what_if":[{"max_series_per_metric":500,"metrics_over":1,"series_refused":7}]
	}]}`, body)
	unregister()
	_, body = e.ask(t, http.MethodGet, "/cardinality")
	assert.JSONEq(t, `{"processors":[]}`, body)
}

func TestHealthNamesTheSilentEngine(t *testing.T) {
	e := start(t)
	require.NoError(t, e.Ready())
	source := &fakeSource{{Name: "engine", InstanceID: "a", State: engineview.StateUp, Queries: 3, Streams: 4}}
	unregister := e.RegisterEngines(component.MustNewID("eventflux"), source)
	_, body := e.ask(t, http.MethodGet, "/health")
	assert.Contains(t, body, `"queries_running":3`)
	assert.Contains(t, body, `"query_runtime":"ok"`)

	*source = append(*source, engineview.Engine{Name: "engine", InstanceID: "b", State: engineview.StateSilent})
	resp, body := e.ask(t, http.MethodGet, "/health")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Contains(t, body, `"status":"degraded"`)
	assert.Contains(t, body, "engine engine (instance b) is silent, since")

	unregister()
	unregister()
	_, body = e.ask(t, http.MethodGet, "/health")
	assert.Contains(t, body, `"query_runtime":"unknown"`)
}

func TestComponentStatus(t *testing.T) {
	e := start(t)
	require.NoError(t, e.Ready())
	id := componentstatus.NewInstanceID(component.MustNewID("otlp_grpc"), component.KindExporter)
	e.ComponentStatusChanged(id, componentstatus.NewRecoverableErrorEvent(assert.AnError))
	_, body := e.ask(t, http.MethodGet, "/health")
	assert.Contains(t, body, `"event_pipeline":"degraded"`)
	assert.Contains(t, body, "otlp_grpc")
	e.ComponentStatusChanged(id, componentstatus.NewEvent(componentstatus.StatusOK))
	_, body = e.ask(t, http.MethodGet, "/health")
	assert.Contains(t, body, `"event_pipeline":"ok"`)
}

func TestPortInUseNamesTheKey(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = busy.Close() }()
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = busy.Addr().String()
	e := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	err = e.Start(t.Context(), componenttest.NewNopHost())
	for _, text := range []string{"::endpoint", "pipeline_health", busy.Addr().String(), "address already in use"} {
		assert.ErrorContains(t, err, text)
	}
	assert.NoError(t, e.Shutdown(t.Context()))
}

func TestEmptyEndpointIsAnError(t *testing.T) {
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = ""
	assert.ErrorContains(t, cfg.Validate(), "localhost:13133")
	assert.False(t, strings.HasPrefix(newDefaultConfig().(*Config).Server.NetAddr.Endpoint, "0.0.0.0"))
}
