// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

var at = time.Date(2025, 10, 11, 12, 30, 45, 123_900_000, time.FixedZone("", 2*3600))

// inSpan is a context with the span of the golden line.
func inSpan() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab, 0xc1, 0x23, 15: 1}, SpanID: trace.SpanID{0xde, 0xf4, 0x56, 7: 2},
	}))
}

// write writes one record at a fixed time and returns what came out.
func write(t *testing.T, opts Options, ctx context.Context, level slog.Level, msg string, args ...any) string {
	t.Helper()
	var out bytes.Buffer
	r := slog.NewRecord(at, level, msg, 0)
	r.Add(args...)
	require.NoError(t, NewHandler(&out, opts).Handle(ctx, r))
	return out.String()
}

func TestGoldenLineOfTheLoggingStandards(t *testing.T) {
	got := write(t, Options{}, inSpan(), slog.LevelInfo, "Query executed successfully",
		"target", "eventflux::query", "query.id", "stock_aggregation", "stream.name", "StockStream", "events.processed", 1234, "duration.ms", 15)
	assert.JSONEq(t, `{"timestamp":"2025-10-11T10:30:45.123Z","level":"INFO","target":"eventflux::query",`+
		`"message":"Query executed successfully","fields":{"query.id":"stock_aggregation","stream.name":"StockStream",`+
		`"events.processed":1234,"duration.ms":15},"span":{"trace_id":"abc12300000000000000000000000001","span_id":"def4560000000002"}}`+"\n", got)
}

func TestWithoutASpanThereIsNoSpanMember(t *testing.T) {
	got := write(t, Options{Target: "eventflux"}, t.Context(), slog.LevelWarn, "slow")
	assert.JSONEq(t, `{"timestamp":"2025-10-11T10:30:45.123Z","level":"WARN","target":"eventflux","message":"slow","fields":{}}`+"\n", got)
}

func TestPrettyLine(t *testing.T) {
	got := write(t, Options{Format: Pretty, Target: "eventflux"}, inSpan(), slog.LevelInfo, "two\nlines", "n", 1, "s", "a b", "q", `x="y"`, slog.Group("g", "k", true))
	assert.Equal(t, `12:30:45.123 INFO  eventflux: "two\nlines"  n=1 s=a b q="x=\"y\"" g.k=true  trace=abc12300000000000000000000000001`+"\n", got)
}

func TestEveryKindOfValue(t *testing.T) {
	type point struct{ X int }
	got := write(t, Options{}, t.Context(), slog.LevelInfo, "m",
		"u", uint64(math.MaxUint64), "f", 0.5, "nan", math.NaN(), "inf", math.Inf(-1), "b", true, "d", 15*time.Millisecond, "t", at,
		"e", errors.New("no <number>"), "p", point{1}, "nil", nil, "c", make(chan int), "panics", panicking{}, "v", valuer{},
		slog.Group("g", "a", 1, slog.Group("h", "b", 2)), slog.Group("", "inline", 3), slog.Group("empty"))
	var decoded struct{ Fields map[string]any }
	require.NoError(t, json.Unmarshal([]byte(got), &decoded), got)
	assert.Equal(t, map[string]any{
		"u": float64(math.MaxUint64), "f": 0.5, "nan": "NaN", "inf": "-Inf", "b": true, "d": "15ms", "t": "2025-10-11T10:30:45.1239Z",
		"e": "no <number>", "p": map[string]any{"X": 1.0}, "nil": nil, "c": "!ERROR: json: unsupported type: chan int",
		"panics": "!PANIC: torn down", "v": "resolved", "g.a": 1.0, "g.h.b": 2.0, "inline": 3.0,
	}, decoded.Fields)
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("torn down") }

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue("resolved") }

func TestLevelNamesAndParsing(t *testing.T) {
	for name, level := range map[string]slog.Level{"ERROR": 8, "WARN": 4, "INFO": 0, "DEBUG": -4, "TRACE": -8} {
		assert.Equal(t, name, LevelName(level))
		assert.Equal(t, name, LevelName(level+1), "between two levels the lower one counts")
		parsed, err := ParseLevel(strings.ToLower(name))
		require.NoError(t, err)
		assert.Equal(t, level, parsed)
	}
	_, err := ParseLevel("loud")
	require.EqualError(t, err, `unknown log level "loud", want error, warn, info, debug or trace`)
}

func TestTargetIsReservedOnlyAtTheTop(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(NewHandler(&out, Options{Target: "eventflux"})).With("target", "eventflux::sink", "a", 1).WithGroup("g")
	logger.Info("m", "target", "db")
	assert.Contains(t, out.String(), `"target":"eventflux::sink","message":"m","fields":{"a":1,"g.target":"db"}}`)
}

func TestHandlerKeepsTheContractOfSlog(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler { out.Reset(); return NewHandler(&out, Options{}) }, func(t *testing.T) map[string]any {
		t.Helper()
		var l struct {
			Timestamp, Level, Message string
			Fields                    map[string]any
		}
		require.NoError(t, json.Unmarshal(out.Bytes(), &l))
		nested := map[string]any{"level": l.Level, "msg": l.Message}
		if l.Timestamp != "" {
			nested["time"] = l.Timestamp
		}
		for name, value := range l.Fields {
			at := nested
			parts := strings.Split(name, ".")
			for _, group := range parts[:len(parts)-1] {
				if at[group] == nil {
					at[group] = map[string]any{}
				}
				at = at[group].(map[string]any)
			}
			at[parts[len(parts)-1]] = value
		}
		return nested
	})
}

func TestLinesDoNotMixConcurrentSafe(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(NewHandler(&out, Options{}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			derived := logger.With("worker", i)
			for range 100 {
				derived.Info("batch", "text", strings.Repeat("x", 100))
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, lines, 800)
	for _, l := range lines {
		assert.True(t, json.Valid([]byte(l)), l)
	}
}

// FuzzLine holds that whatever is logged, the result is one line of valid JSON that reads back.
func FuzzLine(f *testing.F) {
	f.Add("message", "key", "value")
	f.Add("\x00\n\"\\", "\xff\xfe", "\u2028 é \x7f")
	f.Fuzz(func(t *testing.T, msg, key, value string) {
		got := write(t, Options{}, context.Background(), slog.LevelInfo, msg, slog.String(key, value))
		if strings.Count(got, "\n") != 1 {
			t.Fatalf("not one line: %q", got)
		}
		var decoded struct{ Message string }
		if err := json.Unmarshal([]byte(got), &decoded); err != nil {
			t.Fatalf("%v: %q", err, got)
		}
		if want := strings.ToValidUTF8(msg, "\ufffd"); strings.ReplaceAll(decoded.Message, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Fatalf("message = %q, want %q", decoded.Message, want)
		}
	})
}
