// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package exposition checks that the collector's Prometheus exporter shows every metric of the semantic conventions as
// the registry says. It holds tests only.
package exposition
