// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package healthmiddleware

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

const with = "\nservice: {extensions: [zpages, pipeline_health]}"

func TestConvert(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"an exporter without settings": {
			`exporters: {otlp_grpc: }`,
			`exporters: {otlp_grpc: {middlewares: [{id: pipeline_health}]}}`,
		},
		"each kind of client": {
			`exporters: {otlp_grpc/a: {endpoint: a}, otlp_http: {endpoint: b}, otlp: {endpoint: c}, otlphttp/d: {endpoint: d}}`,
			`exporters:
  otlp_grpc/a: {endpoint: a, middlewares: [{id: pipeline_health}]}
  otlp_http: {endpoint: b, middlewares: [{id: pipeline_health}]}
  otlp: {endpoint: c, middlewares: [{id: pipeline_health}]}
  otlphttp/d: {endpoint: d, middlewares: [{id: pipeline_health}]}`,
		},
		"the clients of a load balancer": {
			`exporters: {load_balancing: {resolver: {static: {hostnames: [a]}}}, loadbalancing/b: {protocol: {otlp: {timeout: 1s}}}}`,
			`exporters:
  load_balancing: {resolver: {static: {hostnames: [a]}}, protocol: {otlp: {middlewares: [{id: pipeline_health}]}}}
  loadbalancing/b: {protocol: {otlp: {timeout: 1s, middlewares: [{id: pipeline_health}]}}}`,
		},
		"middlewares of the user": {
			`exporters: {otlp_grpc: {middlewares: [{id: mine}]}}`,
			`exporters: {otlp_grpc: {middlewares: [{id: mine}, {id: pipeline_health}]}}`,
		},
		"added by hand": {
			`exporters: {otlp_grpc: {middlewares: [{id: pipeline_health}, {id: mine}]}}`,
			`exporters: {otlp_grpc: {middlewares: [{id: pipeline_health}, {id: mine}]}}`,
		},
		"others": {
			`exporters: {prometheus: {endpoint: a}, debug: , file: {path: a}, nop: , otlp_arrow: {endpoint: a}}`,
			`exporters: {prometheus: {endpoint: a}, debug: , file: {path: a}, nop: , otlp_arrow: {endpoint: a}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := parse(t, c.want+with)
			got := convert(t, parse(t, c.in+with))
			assert.Equal(t, want, got)
			assert.Equal(t, want, convert(t, got), "a second time")
		})
	}
}

func TestConvertAddsTheExtensionByItsName(t *testing.T) {
	got := convert(t, parse(t, "exporters: {otlp_grpc: }\nservice: {extensions: [pipeline_health/two, pipeline_health/three]}"))
	assert.Equal(t, parse(t, "exporters: {otlp_grpc: {middlewares: [{id: pipeline_health/two}]}}\nservice: {extensions: [pipeline_health/two, pipeline_health/three]}"), got)
}

func TestConvertWithoutTheExtension(t *testing.T) {
	for _, in := range []string{
		"exporters: {otlp_grpc: }",
		"exporters: {otlp_grpc: }\nextensions: {pipeline_health: }\nservice: {extensions: [zpages]}",
		"exporters: {otlp_grpc: }\nservice: {extensions: }",
		"exporters: nothing\nservice: {extensions: [pipeline_health]}",
		"service: {extensions: [pipeline_health, 7]}",
		"{}",
	} {
		assert.Equal(t, parse(t, in), convert(t, parse(t, in)), in)
	}
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &m))
	return confmap.NewFromStringMap(m).ToStringMap()
}

func convert(t *testing.T, config map[string]any) map[string]any {
	t.Helper()
	conf := confmap.NewFromStringMap(config)
	require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf))
	return conf.ToStringMap()
}
