// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package linkpb holds the messages and the service of the links between nodes, generated from link.proto.
package linkpb

//go:generate go run -C ../../../../../internal/tools ./protogen -dir ../../examples/engine/internal/link/linkpb link.proto
