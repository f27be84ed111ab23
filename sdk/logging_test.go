// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

func TestARecordGoesToTheLocalLogAndToOTLP(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local bytes.Buffer
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Logging: telemetry.Logging{Level: "trace"}}, telemetry.WithLogWriter(&local))
	q := sdk.App("orders").Query("q1")
	q.Input("In")
	b := q.Worker().Begin(t.Context(), telemetry.Arrival{Count: 1})
	q.Logger().Log(b.Context(), logs.LevelTrace, "Query executed", "events.processed", 1234)
	b.End()
	flush(t, sdk)

	var line struct {
		Level, Target, Message string
		Fields                 map[string]any
		Span                   struct {
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
		}
	}
	require.NoError(t, json.Unmarshal(local.Bytes(), &line), local.String())
	assert.Equal(t, "TRACE", line.Level)
	assert.Equal(t, "eventflux::query", line.Target)
	assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In", "events.processed": 1234.0}, line.Fields)

	records := c.allLogs()
	require.Len(t, records, 1)
	record := records[0]
	assert.Equal(t, "eventflux::query", record.scope, "the target is the scope")
	assert.Equal(t, "TRACE", record.SeverityText)
	assert.Equal(t, "Query executed", record.Body.GetStringValue())
	assert.Equal(t, map[string]any{"query.id": "q1", "stream.name": "In", "events.processed": int64(1234)}, attributes(record.Attributes))
	assert.Equal(t, line.Span.TraceID, trace.TraceID(record.TraceId).String())
	assert.Equal(t, line.Span.SpanID, trace.SpanID(record.SpanId).String())
	assert.Equal(t, c.allSpans()["query.execute q1"].SpanId, record.SpanId)
}

func TestLevelsBelowTheConfiguredOneGoNowhere(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local bytes.Buffer
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Logging: telemetry.Logging{Level: "warn"}}, telemetry.WithLogWriter(&local))
	assert.False(t, sdk.Logger().Enabled(t.Context(), slog.LevelInfo))
	sdk.Logger().Info("started")
	flush(t, sdk)
	assert.Empty(t, local.String())
	assert.Empty(t, c.allLogs())
}

func TestGroupsAndALateTargetReachOTLP(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	logger := sdk.Logger().With("node", 1).With("target", "eventflux::sink").WithGroup("http")
	logger.Info("sent", "target", "db")
	flush(t, sdk)
	records := c.allLogs()
	require.Len(t, records, 1)
	assert.Equal(t, "eventflux::sink", records[0].scope)
	assert.Equal(t, map[string]any{"node": int64(1), "http": map[string]any{"target": "db"}}, attributes(records[0].Attributes))
}

func TestLogFileIsAppendedToAndClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	require.NoError(t, os.WriteFile(path, []byte("before\n"), 0o600))
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off, Logging: telemetry.Logging{Output: path, Format: "pretty"}})
	require.NoError(t, err)
	sdk.Logger().Info("started", "n", 1)
	require.NoError(t, sdk.Shutdown(t.Context()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Regexp(t, `^before\n\d\d:\d\d:\d\d\.\d{3} INFO  eventflux: started  n=1\n$`, string(text))
}
