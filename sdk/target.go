// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"net/url"
	"os"
	"strings"
	"time"
)

// target is where one signal goes. A zero field is left to the exporter, which reads its own variables.
type target struct {
	http        bool
	endpoint    string // URL
	headers     map[string]string
	timeout     time.Duration
	compression string
}

// target resolves the settings for one signal ("traces", "metrics" or "logs"): what the environment says is left
// to the exporter, unless an option pinned it. The exceptions are PROTOCOL, on which no exporter can act, and an
// ENDPOINT without a scheme, which they misread.
func (s settings) target(signal string) target {
	e := s.cfg.Export
	env := environment{lookup: os.LookupEnv}
	fromEnv := func(name string) bool {
		v, _ := env.exporter(signal, name)
		return v != "" && !s.pinned[name]
	}
	protocol := e.Protocol
	if p := env.get(signalVariable(signal, "PROTOCOL")); !s.pinned["PROTOCOL"] && checkProtocol(p) == nil {
		protocol = p
	}
	if v, _ := env.exporter(signal, "INSECURE"); v != "" {
		e.Insecure = strings.EqualFold(v, "true")
	}
	t := target{http: protocol == ProtocolHTTP}
	switch v, ofSignal := env.exporter(signal, "ENDPOINT"); {
	case v == "" || s.pinned["ENDPOINT"]:
		t.endpoint = endpointURL(e, signal, t.http)
	case !strings.Contains(v, "://"):
		e.Endpoint = v
		t.endpoint = endpointURL(e, signal, t.http && !ofSignal)
	}
	if !fromEnv("HEADERS") {
		t.headers = e.Headers
	}
	if !fromEnv("TIMEOUT") {
		t.timeout = e.Timeout
	}
	if !fromEnv("COMPRESSION") {
		t.compression = e.Compression
	}
	return t
}

func signalVariable(signal, name string) string {
	return "OTEL_EXPORTER_OTLP_" + strings.ToUpper(signal) + "_" + name
}

// endpointURL turns the configured endpoint into the URL of one signal.
func endpointURL(e Export, signal string, http bool) string {
	endpoint := e.Endpoint
	switch {
	case endpoint == "" && http:
		endpoint = "http://localhost:4318"
	case endpoint == "":
		endpoint = "http://localhost:4317"
	case strings.Contains(endpoint, "://"):
	case e.Insecure:
		endpoint = "http://" + endpoint
	default:
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || !http {
		return endpoint
	}
	return u.JoinPath("v1", signal).String()
}
