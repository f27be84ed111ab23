// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpclient knows where a collector's configuration has the middlewares
// of exporters that are OTLP clients. Elsewhere the key is not known, or means
// the middlewares of a server.
package otlpclient

import (
	"maps"
	"slices"
	"strings"
)

// clients are the types of exporters with the path to the settings of their client.
var clients = map[string][]string{
	"otlp_grpc":      nil,
	"otlp_http":      nil,
	"otlp":           nil, // as otlp_grpc was called
	"otlphttp":       nil,
	"load_balancing": {"protocol", "otlp"},
	"loadbalancing":  {"protocol", "otlp"},
}

// Is reports whether the ID is that of an exporter that is an OTLP client.
func Is(exporter string) bool {
	_, ok := clients[TypeOf(exporter)]
	return ok
}

// TypeOf returns the type of a component by its ID.
func TypeOf(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return strings.TrimSpace(name)
}

// Has reports whether the settings of an exporter that is a client name a
// middleware.
func Has(exporter string, settings any, middleware string) bool {
	for _, key := range clients[TypeOf(exporter)] {
		settings = Table(settings)[key]
	}
	return has(Table(settings), middleware)
}

// With returns settings that name a middleware after those that are there
// already. What was given stays as it is.
func With(exporter string, settings any, middleware string) map[string]any {
	return with(Table(settings), clients[TypeOf(exporter)], middleware)
}

func with(settings map[string]any, path []string, middleware string) map[string]any {
	changed := maps.Clone(settings)
	if changed == nil {
		changed = map[string]any{}
	}
	switch {
	case len(path) > 0:
		changed[path[0]] = with(Table(settings[path[0]]), path[1:], middleware)
	case !has(settings, middleware):
		there, _ := settings["middlewares"].([]any)
		changed["middlewares"] = append(slices.Clone(there), map[string]any{"id": middleware})
	}
	return changed
}

func has(settings map[string]any, middleware string) bool {
	there, _ := settings["middlewares"].([]any)
	return slices.ContainsFunc(there, func(m any) bool {
		id, _ := Table(m)["id"].(string)
		return strings.TrimSpace(id) == middleware
	})
}

// Table returns the map that a value of a configuration is, nil if it is none.
func Table(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}
