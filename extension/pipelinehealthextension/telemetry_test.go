// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

func TestAChangeIsAnEventAndFlappingIsOneChange(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	tel := telemetry{logger: zap.New(core), told: verdict.Starting}
	now := time.Now()
	note := func(s verdict.Status, occasion string) {
		now = now.Add(time.Second)
		tel.note(func() verdict.Report { return verdict.Report{Status: s} }, occasion, now)
	}
	note(verdict.Healthy, "the pipelines run")
	for range 20 {
		note(verdict.Degraded, "")
		note(verdict.Healthy, "")
	}
	for range 5 {
		note(verdict.Healthy, "")
	}
	note(verdict.ShuttingDown, "terminated signal received")
	var told [][4]any
	for _, entry := range logs.All() {
		fields := entry.ContextMap()
		assert.Equal(t, "pipeline_health.status_changed", fields["event.name"])
		told = append(told, [4]any{entry.Level, fields["old"], fields["new"], fields["reason"]})
	}
	assert.Equal(t, [][4]any{
		{zap.InfoLevel, "starting", "healthy", "the pipelines run"},
		{zap.WarnLevel, "healthy", "degraded", "nothing is wrong any more"},
		{zap.InfoLevel, "degraded", "healthy", "nothing is wrong any more"},
		{zap.InfoLevel, "healthy", "shutting_down", "terminated signal received"},
	}, told)
}
