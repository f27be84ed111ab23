// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package eventfluxreceiver takes OTLP from EventFlux engines and knows which
// engines are there.
package eventfluxreceiver

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
