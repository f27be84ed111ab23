// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"log/slog"
	"strings"
)

// LevelTrace is the level of fine-grained, event-level records, one step below slog.LevelDebug.
const LevelTrace slog.Level = -8

// ParseLevel reads "error", "warn", "info", "debug" or "trace", in any case.
func ParseLevel(s string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, LevelTrace} {
		if strings.EqualFold(s, LevelName(level)) {
			return level, nil
		}
	}
	return slog.LevelInfo, fmt.Errorf("unknown log level %q, want error, warn, info, debug or trace", s)
}

// LevelName returns ERROR, WARN, INFO, DEBUG or TRACE: the one of them at or below level, so that backends see
// five names and no more. Everything below DEBUG is TRACE.
func LevelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARN"
	case level >= slog.LevelInfo:
		return "INFO"
	case level >= slog.LevelDebug:
		return "DEBUG"
	default:
		return "TRACE"
	}
}
