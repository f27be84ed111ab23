// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package cardinalitylimitprocessor bounds how many series each metric may have, and how
// many values each attribute of log records and spans.
//
// A series that was admitted is never touched. What comes in beyond the limit is
// folded into one overflow series per metric, marked otel.metric.overflow=true, or,
// where its type cannot be folded, dropped; both are counted.
//
// Values of attributes beyond the limit are replaced by one value, or removed, in records
// that are then marked cardinality_limit.overflow=true. No record is dropped.
package cardinalitylimitprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
