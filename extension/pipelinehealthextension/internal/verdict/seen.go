// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import "github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"

// Seen is what a report is made of, also where nothing is wrong.
type Seen struct {
	Destinations []Destination   `json:"destinations"`
	Queues       []signals.Queue `json:"queues"`
	Storage      *Storage        `json:"storage,omitempty"`
}

// Storage is the last write to a storage extension.
type Storage struct {
	Storage     string  `json:"storage"`
	TookSeconds float64 `json:"took_seconds"`
}

// Destination is an address that exporters send to.
type Destination struct {
	Address   string   `json:"address"`
	Exporters []string `json:"exporters,omitempty"`
	OK        bool     `json:"ok"`
}
