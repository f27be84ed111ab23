// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/disk"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
)

// Pipeline is the document of GET /health/pipelines/{id}.
type Pipeline struct {
	Pipeline string   `json:"pipeline"`
	Status   Status   `json:"status"`
	Details  []Reason `json:"details,omitempty"`
	NotSeen  []Reason `json:"not_seen,omitempty"`
}

// JudgePipeline makes the document of one pipeline with these exporters: what
// happens to its components, and where they send. The engines are not its part.
func JudgePipeline(id string, exporters []string, e Evidence) Pipeline {
	e.Engines, e.Storage, e.Disk = nil, "", disk.Verdict{}
	e.Troubles = of(e.Troubles, func(t signals.Trouble) bool { return slices.Contains(t.Pipelines, id) })
	e.Outside.Unwatched = of(e.Outside.Unwatched, func(name string) bool { return slices.Contains(exporters, name) })
	e.Outside.Backlog = of(e.Outside.Backlog, func(q signals.Queue) bool {
		return slices.Contains(exporters, q.Exporter) && q.Signal == signalOf(id)
	})
	e.Outside.Losses = of(e.Outside.Losses, func(l signals.Loss) bool {
		return l.Kind == "exporter" && slices.Contains(exporters, l.Component)
	})
	e.Outside.Troubles = of(e.Outside.Troubles, func(t outbound.Trouble) bool {
		return slices.ContainsFunc(t.Exporters, func(name string) bool { return slices.Contains(exporters, name) })
	})
	r := Judge(e)
	return Pipeline{Pipeline: id, Status: r.Status, Details: r.Details.EventPipeline, NotSeen: r.Details.NotSeen}
}

// of returns those that count, in a slice of its own.
func of[T any](all []T, counts func(T) bool) []T {
	var some []T
	for _, one := range all {
		if counts(one) {
			some = append(some, one)
		}
	}
	return some
}

// signalOf returns the signal of a pipeline.
func signalOf(id string) string {
	signal, _, _ := strings.Cut(id, "/")
	return signal
}
