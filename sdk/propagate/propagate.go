// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package propagate carries trace context between nodes of an engine: W3C Trace Context and Baggage, through the
// header map of a message or through gRPC metadata, and the span context alone as 26 bytes, for frames that have no
// room for headers.
//
// On bidirectional gRPC streams metadata travels only once, when the stream opens; put the context of each message
// into the message's own header map there.
//
// Extract functions never fail: a malformed or missing header leaves the context as it was. What they accept is
// bounded: at most 64 members and 8 KiB of baggage, more is left out whole; at most 32 members of tracestate.
package propagate

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/metadata"
)

var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// Propagator returns the W3C propagator that this package uses. It is safe for concurrent use.
func Propagator() propagation.TextMapPropagator {
	return propagator
}

// InjectMap writes the span context and baggage of ctx into headers. It does nothing if headers is nil.
func InjectMap(ctx context.Context, headers map[string]string) {
	if headers != nil {
		propagator.Inject(ctx, propagation.MapCarrier(headers))
	}
}

// ExtractMap returns ctx with the span context and baggage found in headers. Keys are lower case, as InjectMap
// writes them.
func ExtractMap(ctx context.Context, headers map[string]string) context.Context {
	return propagator.Extract(ctx, propagation.MapCarrier(headers))
}

// InjectMetadata writes the span context and baggage of ctx into md. It does nothing if md is nil.
func InjectMetadata(ctx context.Context, md metadata.MD) {
	if md != nil {
		propagator.Inject(ctx, carrier(md))
	}
}

// ExtractMetadata returns ctx with the span context and baggage found in md.
func ExtractMetadata(ctx context.Context, md metadata.MD) context.Context {
	return propagator.Extract(ctx, carrier(md))
}

// carrier adapts metadata, which keeps a list of values per key.
type carrier metadata.MD

// Get returns the first value of key.
func (c carrier) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Values returns all values of key: baggage may arrive in several headers.
func (c carrier) Values(key string) []string {
	return metadata.MD(c).Get(key)
}

// Set replaces the values of key.
func (c carrier) Set(key, value string) {
	metadata.MD(c).Set(key, value)
}

// Keys lists the keys.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
