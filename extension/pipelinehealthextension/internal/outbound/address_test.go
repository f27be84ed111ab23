// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import "testing"

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
