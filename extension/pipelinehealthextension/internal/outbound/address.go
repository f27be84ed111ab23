// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/internal/otlpclient"
)

// Address returns host:port of an endpoint as exporters write it: host:port, an URL, or the
// target of a gRPC client. What else an URL holds, such as a password, is left out.
func Address(endpoint string) string {
	scheme, rest, isURL := strings.Cut(endpoint, "://")
	if !isURL {
		return strings.TrimPrefix(endpoint, "unix:")
	}
	switch scheme {
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Hostname() == "" {
			return scheme
		}
		if u.Port() == "" {
			return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[scheme])
		}
		return u.Host
	case "unix":
		return rest
	default: // dns://authority/host:port, passthrough:///host:port
		return rest[strings.LastIndexByte(rest, '/')+1:]
	}
}

// endpointKeys are where the configuration of an exporter has endpoints.
var endpointKeys = []string{"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint", "profiles_endpoint"}

// Exporters returns which exporters that a pipeline uses send to which address, in order.
func Exporters(config map[string]any) map[string][]string {
	by := map[string][]string{}
	for id, settings := range used(config) {
		for _, key := range endpointKeys {
			endpoint, _ := otlpclient.Table(settings)[key].(string)
			if address := Address(endpoint); endpoint != "" && !slices.Contains(by[address], id) {
				by[address] = append(by[address], id)
			}
		}
	}
	for _, ids := range by {
		slices.Sort(ids)
	}
	return by
}

// Unwatched returns the exporters that a pipeline uses and that could pass their attempts
// through a middleware, but do not, in order.
func Unwatched(config map[string]any, middleware string) []string {
	var ids []string
	for id, settings := range used(config) {
		if otlpclient.Is(id) && !otlpclient.Has(id, settings, middleware) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// OnDisk returns the exporters whose sending queue is kept by a storage extension.
func OnDisk(config map[string]any) map[string]bool {
	kept := map[string]bool{}
	for id, settings := range used(config) {
		storage, _ := otlpclient.Table(otlpclient.Table(settings)["sending_queue"])["storage"].(string)
		if storage != "" {
			kept[id] = true
		}
	}
	return kept
}

// used returns the settings of the exporters that some pipeline uses, by ID.
func used(config map[string]any) map[string]any {
	found := map[string]any{}
	exporters := otlpclient.Table(config["exporters"])
	for _, pipeline := range otlpclient.Table(otlpclient.Table(config["service"])["pipelines"]) {
		names, _ := otlpclient.Table(pipeline)["exporters"].([]any)
		for _, name := range names {
			if id, _ := name.(string); id != "" {
				found[id] = exporters[id]
			}
		}
	}
	return found
}
