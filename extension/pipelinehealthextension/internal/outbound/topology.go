// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"slices"

	"github.com/eventflux-io/eventflux-otel/internal/otlpclient"
)

// Topology is what the configuration of a collector says of who sends where. Exporters that
// no pipeline uses are not in it.
type Topology struct {
	// Pipelines are the exporters of each pipeline.
	Pipelines map[string][]string
	// Exporters are those that send to an address, in order.
	Exporters map[string][]string
	// Unwatched are those that could pass their attempts through the middleware, but do not,
	// in order.
	Unwatched []string
	// OnDisk are those whose sending queue is kept by a storage extension.
	OnDisk map[string]bool
}

// endpointKeys are where the configuration of an exporter has endpoints.
var endpointKeys = []string{"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint", "profiles_endpoint"}

// TopologyOf reads the effective configuration of a collector whose exporters are watched by
// a middleware.
func TopologyOf(config map[string]any, middleware string) Topology {
	t := Topology{Pipelines: map[string][]string{}, Exporters: map[string][]string{}, OnDisk: map[string]bool{}}
	used := map[string]bool{}
	for id, pipeline := range otlpclient.Table(otlpclient.Table(config["service"])["pipelines"]) {
		t.Pipelines[id] = nil
		exporters, _ := otlpclient.Table(pipeline)["exporters"].([]any)
		for _, exporter := range exporters {
			if name, ok := exporter.(string); ok {
				t.Pipelines[id] = append(t.Pipelines[id], name)
				used[name] = true
			}
		}
	}
	for id := range used {
		t.add(id, otlpclient.Table(config["exporters"])[id], middleware)
	}
	for _, exporters := range t.Exporters {
		slices.Sort(exporters)
	}
	slices.Sort(t.Unwatched)
	return t
}

func (t *Topology) add(id string, settings any, middleware string) {
	if otlpclient.Is(id) && !otlpclient.Has(id, settings, middleware) {
		t.Unwatched = append(t.Unwatched, id)
	}
	exporter := otlpclient.Table(settings)
	if storage, _ := otlpclient.Table(exporter["sending_queue"])["storage"].(string); storage != "" {
		t.OnDisk[id] = true
	}
	for _, key := range endpointKeys {
		endpoint, _ := exporter[key].(string)
		if address := Address(endpoint); endpoint != "" && !slices.Contains(t.Exporters[address], id) {
			t.Exporters[address] = append(t.Exporters[address], id)
		}
	}
}
