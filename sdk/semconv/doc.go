// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package semconv holds the semantic conventions of EventFlux as Go: the names of metrics, spans, events and
// attributes, and what belongs to each name.
//
// Their one source is the folder registry/, in the format of OpenTelemetry's Weaver; settings.yaml beside it holds what
// that format has no place for. The files that end in _generated.go are made from both, as are the table that the
// collector validates against and docs/telemetry.md. After a change of the registry:
//
//	make generate
//
// The package holds no state, so everything in it may be used concurrently.
package semconv

//go:generate go run -C ../../internal/tools ./semconvgen -registry ../../sdk/semconv -target sdk -out ../../sdk/semconv
//go:generate go run -C ../../internal/tools ./semconvgen -registry ../../sdk/semconv -target handles -out ../../sdk
