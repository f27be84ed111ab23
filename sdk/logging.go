// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// defaultTarget is the target of records that name none.
const defaultTarget = "eventflux"

// openLog builds the local log. On error the local log goes to stdout with default options, so that the engine
// can still speak.
func (s *SDK) openLog(set settings) error {
	opts := logs.Options{Target: defaultTarget}
	level, err := logs.ParseLevel(set.cfg.Logging.Level)
	if err == nil {
		opts.Level = level
		opts.Format, err = logs.ParseFormat(set.cfg.Logging.Format)
	}
	out, openErr := s.local.open(set, s.errors)
	if openErr != nil {
		err = fmt.Errorf("give stdout, stderr or a writable path as log output: %w", openErr)
	}
	s.local.start(out, opts, &s.losses, s.errors)
	s.setHandler(s.local.handler, set.cfg.Logging)
	return err
}

// teeLogs makes every record that the local log takes also go out over OTLP.
func (s *SDK) teeLogs(provider log.LoggerProvider, cfg Logging) {
	bridge := newBridge(provider, defaultTarget, s.local.handler)
	s.setHandler(slog.NewMultiHandler(s.local.handler, bridge), cfg)
}

// setHandler makes h what records reach when they know their batch, after the limit and without their secrets: in
// this order, because what is withheld need not be looked at.
func (s *SDK) setHandler(h slog.Handler, cfg Logging) {
	s.handler = newBatchHandler(logs.Limit(logs.Redact(h, s.losses.hiddenInLogs), cfg.PerSite, s.losses.withheld))
	s.logger = slog.New(s.handler)
}

// severityText gives OTLP records the level names of the local log: the bridge would write TRACE as "DEBUG-4".
type severityText struct{}

func (severityText) Enabled(context.Context, sdklog.EnabledParameters) bool { return false }
func (severityText) Shutdown(context.Context) error                         { return nil }
func (severityText) ForceFlush(context.Context) error                       { return nil }

func (severityText) OnEmit(_ context.Context, r *sdklog.Record) error {
	if r.Severity() != log.SeverityUndefined {
		r.SetSeverityText(logs.LevelName(slog.Level(r.Severity() - log.SeverityInfo)))
	}
	return nil
}
