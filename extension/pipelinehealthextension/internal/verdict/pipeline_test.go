// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func TestAPipelineAnswersForItsOwnParts(t *testing.T) {
	e := Evidence{
		Now: now, Phase: drain.Running, RecoveryDuration: time.Minute,
		Engines: []engineview.Engine{engine("a", engineview.StateSilent)},
		Troubles: []signals.Trouble{
			{Component: "processor x", Pipelines: []string{"logs/2"}, Severity: signals.Permanent, Since: now},
			{Component: "extension y", Severity: signals.Permanent, Since: now},
		},
		Outside: Outside{
			Watcher: "pipeline_health", Unwatched: []string{"otlp_grpc/2"}, Destinations: 2,
			Backlog:  []signals.Queue{{Exporter: "otlp_http", Signal: "metrics", Size: 9, Capacity: 10}, {Exporter: "otlp_http", Signal: "logs", Size: 8, Capacity: 10}},
			Troubles: []outbound.Trouble{{Address: "backend:1", Exporters: []string{"otlp_grpc"}, Kind: outbound.Failing, Since: now}},
		},
	}
	before := fmt.Sprint(e)
	for _, c := range []struct {
		id        string
		exporters []string
		status    Status
		details   string
		notSeen   int
	}{
		{"logs", []string{"debug"}, Healthy, "[]", 0},
		{"logs", []string{"otlp_http"}, Degraded, "[the sending queue of exporter otlp_http for logs is 80 % full: 8 of 10]", 0},
		{"logs/2", []string{"debug"}, Unhealthy, "[processor x reports a permanent error, since 2026-03-01T03:00:00Z (0s)]", 0},
		{"traces", []string{"otlp_http", "otlp_grpc"}, Degraded, "[exporter otlp_grpc cannot send to backend:1, since 2026-03-01T03:00:00Z (0s)]", 0},
		{"traces", []string{"otlp_grpc/2"}, Healthy, "[]", 1},
	} {
		got := JudgePipeline(c.id, c.exporters, e)
		if got.Pipeline != c.id || got.Status != c.status || fmt.Sprint(got.Details) != c.details || len(got.NotSeen) != c.notSeen {
			t.Errorf("JudgePipeline(%s, %v) = %+v", c.id, c.exporters, got)
		}
	}
	if fmt.Sprint(e) != before {
		t.Error("the evidence was changed")
	}
}
