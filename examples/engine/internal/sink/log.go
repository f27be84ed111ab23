// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"log/slog"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Log writes one log record per row, at INFO, with the columns as attributes.
type Log struct {
	about

	logger  *slog.Logger
	names   *event.Symbols
	message string
	records []slog.Record
}

// NewLog returns a sink whose records have the given message.
func NewLog(logger *slog.Logger, names *event.Symbols, message string) *Log {
	return &Log{about: about{"log", "log", "check where the log goes"}, logger: logger, names: names, message: message}
}

// Format implements Sink.
func (l *Log) Format(b *event.Batch) error {
	l.records = l.records[:0]
	for i := range b.Len() {
		r := b.Row(i)
		rec := slog.NewRecord(time.Unix(0, r.Time()), slog.LevelInfo, l.message, 0)
		for c, column := range b.Schema.Columns {
			rec.AddAttrs(slog.Any(column.Name, value(column.Type, r, c, l.names)))
		}
		l.records = append(l.records, rec)
	}
	return nil
}

// Send implements Sink.
func (l *Log) Send(ctx context.Context) (int, error) {
	for len(l.records) > 0 {
		if l.logger.Enabled(ctx, slog.LevelInfo) {
			if err := l.logger.Handler().Handle(ctx, l.records[0]); err != nil {
				return 0, err
			}
		}
		l.records = l.records[1:]
	}
	return 0, nil
}
