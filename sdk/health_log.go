// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/eventflux-io/eventflux-otel/sdk/health"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// logHealth tells of a change: OTLP by an event, and of trouble and its end the local log by a line.
func (s *SDK) logHealth(c health.Change) {
	text := healthText(c)
	if c.Worse() || c.From > health.Healthy && c.To != health.ShuttingDown {
		s.logHealthLine(c, text)
	}
	if s.registry != nil {
		s.emitHealth(c, text)
	}
}

func (s *SDK) logHealthLine(c health.Change, text string) {
	ctx := context.Background()
	level := slog.LevelInfo
	if c.Worse() {
		level = slog.LevelWarn
	}
	if s.local.handler == nil || !s.local.handler.Enabled(ctx, level) {
		return
	}
	line := slog.NewRecord(c.At, level, text, 0)
	line.AddAttrs(
		slog.String(string(semconv.HealthCheckKey), c.Check),
		slog.String(string(semconv.HealthStateKey), c.To.String()),
		slog.String(string(semconv.HealthPreviousStateKey), c.From.String()),
	)
	s.errors.guarded("write the local log", func() error { return logs.Redact(s.local.handler, s.losses.hiddenInLogs).Handle(ctx, line) })
}

func (s *SDK) emitHealth(c health.Change, text string) {
	var r log.Record
	r.SetEventName(semconv.EventHealthChanged.Name())
	r.SetTimestamp(c.At)
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(log.SeverityInfo)
	if c.Worse() {
		r.SetSeverity(log.SeverityWarn)
	}
	r.SetBody(attribute.StringValue(text))
	r.AddAttributes(
		semconv.HealthCheck(c.Check),
		semconv.HealthState(semconv.HealthStateValue(c.To.String())),
		semconv.HealthPreviousStateKey.String(c.From.String()),
	)
	if c.Message != "" {
		r.AddAttributes(semconv.HealthMessageKey.String(c.Message))
	}
	s.providers.logs.Logger(scopeName, log.WithInstrumentationVersion(Version)).Emit(context.Background(), r)
}

// healthText is a change in words.
func healthText(c health.Change) string {
	subject := "health check " + c.Check
	if c.Check == health.Overall {
		subject = "engine"
	}
	text := fmt.Sprintf("%s is %s, was %s", subject, c.To, c.From)
	if c.Message != "" {
		text += ": " + c.Message
	}
	return text
}
