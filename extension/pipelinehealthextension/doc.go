// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package pipelinehealthextension answers whether the collector and the engines
// behind it are well: GET /health, /ready and /live.
package pipelinehealthextension

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
