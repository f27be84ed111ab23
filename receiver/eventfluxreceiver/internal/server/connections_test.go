// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import "testing"

func TestSDKsAreToldFromAgents(t *testing.T) {
	for userAgent, want := range map[string]bool{
		"OTel-OTLP-Exporter-Python/1.38.0":                                     true,
		"OTel-OTLP-Exporter-Rust/0.31.0 grpc-rust/1":                           true,
		"OTel OTLP Exporter Go/1.47.0 grpc-go/1.83.0":                          true, // traces
		"OTel Go OTLP over gRPC metrics exporter/1.47.0 grpc-go/1.83.0":        true,
		"OTel Go OTLP over gRPC logs exporter/0.23.0 grpc-go/1.83.0":           true,
		"OTel Go OTLP over HTTP/protobuf metrics exporter/1.47.0":              true,
		"otelcol-eventflux/0.1.0 (linux/amd64) grpc-go/1.83.0":                 false,
		"OpenTelemetry Collector Contrib/0.159.0 (linux/amd64) grpc-go/1.83.0": false,
		"grpc-go/1.83.0": false,
		"":               false,
	} {
		if got := isSDK(userAgent); got != want {
			t.Errorf("isSDK(%q) = %t", userAgent, got)
		}
	}
}
