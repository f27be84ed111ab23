// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"reflect"
	"testing"
)

func TestAddress(t *testing.T) {
	for endpoint, want := range map[string]string{
		"backend:4317":                             "backend:4317",
		"http://backend:4318/v1/traces":            "backend:4318",
		"https://user:s3cr3t@backend/otlp?key=abc": "backend:443",
		"http://[::1]":                             "[::1]:80",
		"dns:///backend:4317":                      "backend:4317",
		"dns://8.8.8.8/backend:4317":               "backend:4317",
		"passthrough:///127.0.0.1:4317":            "127.0.0.1:4317",
		"unix:///run/otel.sock":                    "/run/otel.sock",
		"unix:/run/otel.sock":                      "/run/otel.sock",
		"https://%zz:s3cr3t":                       "https",
	} {
		if got := Address(endpoint); got != want {
			t.Errorf("Address(%q) = %q, want %q", endpoint, got, want)
		}
	}
}

func TestExporters(t *testing.T) {
	got := Exporters(map[string]any{"exporters": map[string]any{
		"otlp_grpc":   map[string]any{"endpoint": "backend:4317"},
		"otlp_grpc/2": map[string]any{"endpoint": "http://backend:4317"},
		"otlp_http":   map[string]any{"endpoint": "https://other/otlp", "logs_endpoint": "http://logs:1"},
		"debug":       nil,
		"otlp_grpc/9": map[string]any{"endpoint": "backend:4317"}, // not used
		"odd":         map[string]any{"endpoint": 7},
	}, "service": map[string]any{"pipelines": map[string]any{
		"metrics": map[string]any{"exporters": []any{"otlp_grpc/2", "debug", "otlp_http", "odd"}},
		"traces":  map[string]any{"exporters": []any{"otlp_grpc", "otlp_grpc/2"}},
	}}})
	want := map[string][]string{
		"backend:4317": {"otlp_grpc", "otlp_grpc/2"}, "other:443": {"otlp_http"}, "logs:1": {"otlp_http"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Exporters() = %v, want %v", got, want)
	}
}

func TestUnwatched(t *testing.T) {
	watched := map[string]any{"middlewares": []any{map[string]any{"id": "pipeline_health"}}}
	got := Unwatched(map[string]any{"exporters": map[string]any{
		"otlp_grpc": nil, "otlp_http": watched, "otlp": watched, "otlp/unused": nil, "debug": nil,
		"load_balancing": map[string]any{"protocol": map[string]any{"otlp": watched}}, "loadbalancing/2": watched,
	}, "service": map[string]any{"pipelines": map[string]any{
		"logs":   map[string]any{"exporters": []any{"otlp_grpc", "otlp_http", "debug", "load_balancing", "loadbalancing/2", "connector"}},
		"traces": map[string]any{"exporters": []any{"otlp_grpc", "otlp"}},
	}}}, "pipeline_health")
	if want := []string{"loadbalancing/2", "otlp_grpc"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Unwatched() = %v, want %v", got, want)
	}
}

func TestOnDisk(t *testing.T) {
	queue := func(settings map[string]any) map[string]any { return map[string]any{"sending_queue": settings} }
	got := OnDisk(map[string]any{"exporters": map[string]any{
		"a": queue(map[string]any{"storage": "file_storage"}), "b": queue(nil), "c": nil, "unused": queue(map[string]any{"storage": "x"}),
	}, "service": map[string]any{"pipelines": map[string]any{"logs": map[string]any{"exporters": []any{"a", "b", "c"}}}}})
	if want := map[string]bool{"a": true}; !reflect.DeepEqual(got, want) {
		t.Errorf("OnDisk() = %v, want %v", got, want)
	}
}
