// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package semconv is the table of EventFlux's semantic conventions that the collector's components look names up in:
// what an engine may send, and how it comes out in Prometheus.
//
// It is generated from the registry in sdk/semconv, as the SDK's own constants are; neither side imports the other, for
// any program that keeps to the conventions is an engine. Values cannot be changed, so everything may be used
// concurrently. A look-up is one access to a map and allocates nothing.
package semconv

//go:generate go run -C ../tools ./semconvgen -registry ../../sdk/semconv -target collector -out ../../internal/semconv
//go:generate go run -C ../tools ./semconvgen -registry ../../sdk/semconv -target docs -out ../../docs
