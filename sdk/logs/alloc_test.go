// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

// Under the race detector sync.Pool drops what it is given at random, and allocations mean nothing.

package logs

import (
	"io"
	"log/slog"
	"testing"
)

func TestAPlainRecordAllocatesNothing(t *testing.T) {
	logger := slog.New(NewHandler(io.Discard, Options{})).With("target", "eventflux::query", "query.id", "q1")
	ctx := inSpan()
	if n := testing.AllocsPerRun(1000, func() {
		logger.LogAttrs(ctx, slog.LevelInfo, "Query executed", slog.Int("events.processed", 1234), slog.Int("duration.ms", 15))
	}); n >= 1 { // the pool may lose its memory to a garbage collection
		t.Errorf("a record allocated %v times", n)
	}
}

func BenchmarkHandle(b *testing.B) {
	logger := slog.New(NewHandler(io.Discard, Options{})).With("target", "eventflux::query", "query.id", "q1")
	ctx := inSpan()
	b.ReportAllocs()
	for b.Loop() {
		logger.LogAttrs(ctx, slog.LevelInfo, "Query executed", slog.Int("events.processed", 1234), slog.Int("duration.ms", 15))
	}
}

func TestACleanRecordIsRedactedAndLimitedWithoutAllocating(t *testing.T) {
	logger := slog.New(Limit(Redact(NewHandler(io.Discard, Options{}), nil), 1e9, nil)).With("target", "eventflux::query", "query.id", "q1")
	ctx := inSpan()
	if n := testing.AllocsPerRun(1000, func() {
		logger.LogAttrs(ctx, slog.LevelInfo, "Query executed", slog.String("stream.name", "Orders"), slog.String("output.stream", "Totals"),
			slog.Int("events.processed", 1234), slog.Int("duration.ms", 15))
	}); n >= 1 {
		t.Errorf("a record allocated %v times", n)
	}
}

func BenchmarkRedact(b *testing.B) {
	plain := NewHandler(io.Discard, Options{})
	for _, test := range []struct {
		name    string
		handler slog.Handler
	}{{"without", plain}, {"redact", Redact(plain, nil)}, {"redact+limit", Limit(Redact(plain, nil), 1e9, nil)}} {
		b.Run(test.name, func(b *testing.B) {
			logger, ctx := slog.New(test.handler), inSpan()
			b.ReportAllocs()
			for b.Loop() {
				logger.LogAttrs(ctx, slog.LevelInfo, "Query executed", slog.String("stream.name", "Orders"), slog.String("output.stream", "Totals"),
					slog.Int("events.processed", 1234), slog.Int("duration.ms", 15))
			}
		})
	}
}
