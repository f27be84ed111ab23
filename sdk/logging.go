// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

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
	out := set.logWriter
	if out == nil {
		var closer io.Closer
		var openErr error
		if out, closer, openErr = openOutput(set.cfg.Logging.Output); openErr != nil {
			err = openErr
		}
		s.output = closer
	}
	s.setHandler(logs.NewHandler(logWriter{out, s.errors}, opts))
	return err
}

// openOutput opens "stdout", "stderr" or a file to append to. On error it still returns a writer.
func openOutput(name string) (io.Writer, io.Closer, error) {
	switch name {
	case "stdout":
		return os.Stdout, nil, nil
	case "stderr":
		return os.Stderr, nil, nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return os.Stdout, nil, fmt.Errorf("could not open the log output, give stdout, stderr or a writable path: %w", err)
	}
	return f, f, nil
}

// logWriter reports failed writes, which slog drops.
type logWriter struct {
	io.Writer

	errors *errorSink
}

// Write never fails and never panics towards the logger: there is nobody there to handle it.
func (w logWriter) Write(line []byte) (int, error) {
	w.errors.guarded("write the local log", func() error {
		_, err := w.Writer.Write(line)
		return err
	})
	return len(line), nil
}

// teeLogs makes every record that the local log takes also go out over OTLP.
func (s *SDK) teeLogs(provider log.LoggerProvider) {
	s.local = s.handler
	bridge := newBridge(provider, defaultTarget, s.handler)
	s.setHandler(slog.NewMultiHandler(s.handler, bridge))
}

// localHandler returns the handler of the local log alone.
func (s *SDK) localHandler() slog.Handler {
	if s.local != nil {
		return s.local
	}
	return s.handler
}

func (s *SDK) setHandler(h slog.Handler) {
	s.handler = h
	s.logger = slog.New(h)
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
