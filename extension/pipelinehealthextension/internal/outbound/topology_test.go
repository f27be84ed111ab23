// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestTopology(t *testing.T) {
	var config map[string]any
	if err := yaml.Unmarshal([]byte(`
exporters:
  otlp_grpc: {endpoint: 'backend:4317', middlewares: [{id: pipeline_health}]}
  otlp_grpc/2: {endpoint: 'http://backend:4317', sending_queue: {storage: file_storage}}
  otlp_http: {endpoint: 'https://other/otlp', logs_endpoint: 'http://logs:1', middlewares: [{id: pipeline_health}], sending_queue: {}}
  load_balancing: {protocol: {otlp: {middlewares: [{id: mine}, {id: pipeline_health}]}}}
  loadbalancing/2: {protocol: {otlp: }}
  debug:
  odd: {endpoint: 7}
  otlp_grpc/unused: {endpoint: 'backend:4317', sending_queue: {storage: file_storage}}
service:
  pipelines:
    metrics: {exporters: [otlp_grpc/2, debug, otlp_http, odd, connector]}
    traces/a: {exporters: [otlp_grpc, otlp_grpc/2, load_balancing, loadbalancing/2]}
    logs: {receivers: [otlp]}
`), &config); err != nil {
		t.Fatal(err)
	}
	want := Topology{
		Pipelines: map[string][]string{
			"metrics":  {"otlp_grpc/2", "debug", "otlp_http", "odd", "connector"},
			"traces/a": {"otlp_grpc", "otlp_grpc/2", "load_balancing", "loadbalancing/2"},
			"logs":     nil,
		},
		Exporters: map[string][]string{"backend:4317": {"otlp_grpc", "otlp_grpc/2"}, "other:443": {"otlp_http"}, "logs:1": {"otlp_http"}},
		Unwatched: []string{"loadbalancing/2", "otlp_grpc/2"},
		OnDisk:    map[string]bool{"otlp_grpc/2": true},
	}
	if got := TopologyOf(config, "pipeline_health"); !reflect.DeepEqual(got, want) {
		t.Errorf("TopologyOf() = %+v, want %+v", got, want)
	}
}
