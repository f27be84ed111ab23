// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact/redacttest"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// keyed are secrets that only their key gives away.
var keyed = map[string]string{
	"password": "k-one-1", "db.password": "k-two-2", "dbPassword": "k-three-3", "DB_PASSWD": "k-four-4", "passphrase": "k-five-5", "client_secret": "k-six-6",
	"token": "k-seven-7", "accessToken": "k-eight-8", "x-api-key": "k-nine-9", "apikey": "k-ten-10", "authorization": "k-eleven-11", "set-cookie": "k-twelve-12",
	"credentials": "k-thirteen-13", "private_key": "k-fourteen-14", "aws_secret_access_key": "k-fifteen-15", "AccountKey": "k-sixteen-16",
	"connection_string": "k-seventeen-17", "dsn": "k-eighteen-18", "session.id": "k-nineteen-19", "jwt": "k-twenty-20",
}

type endpoint struct {
	Host     string
	Password string
	Note     string
}

type speaking struct{ text string }

func (s speaking) LogValue() slog.Value { return slog.StringValue(s.text) }

type bursting struct{ text string }

func (b bursting) LogValue() slog.Value { panic(b.text) }

// logSample logs text in every way there is.
func logSample(logger *slog.Logger, text string) {
	logger.Info(text)
	logger.Info("values", "value", text, "list", []string{"a", text}, "bytes", []byte(text), "valuer", speaking{text}, "bursting", bursting{text},
		"struct", endpoint{Host: "db.local", Password: "k-struct-0", Note: text}, "map", map[string]any{"note": text, "token": "k-map-0", "n": 7},
		slog.Group("outer", "n", 1, slog.Group("inner", "value", text)))
	logger.With("bound", text).WithGroup("api").With("key", "k-group-0").Error("errors", "error", errors.New(text),
		"wrapped", fmt.Errorf("could not start: %w", errors.Join(io.EOF, errors.New(text))))
}

// traceSample puts text wherever a span has room, as an engine does and as a library does.
func traceSample(t *testing.T, sdk *telemetry.SDK, text string) {
	t.Helper()
	q := sdk.App("orders").Query(text)
	q.Input(text)
	q.Errors(text)
	b := q.Worker().Begin(t.Context(), telemetry.Arrival{Count: 1, Stream: text})
	s := b.Span(telemetry.StageFilter, attribute.String("note", text), attribute.StringSlice("notes", []string{"a", text}))
	s.Fail(errors.New(text))
	s.End()
	b.Error(text, errors.New(text))
	b.End()
	link := trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})}
	link.Attributes = []attribute.KeyValue{attribute.String("note", text)}
	_, span := otel.Tracer("library").Start(t.Context(), text, trace.WithLinks(link))
	span.AddEvent(text, trace.WithAttributes(attribute.String("note", text), attribute.String("api_key", "k-event-0")))
	span.SetStatus(codes.Error, text)
	span.End()
	var r log.Record
	r.SetBody(attribute.StringValue(text))
	r.AddAttributes(attribute.String("note", text), attribute.Map("api", attribute.String("key", "k-library-0")))
	otel.GetLoggerProvider().Logger("library").Emit(t.Context(), r)
}

func TestAHundredKindsOfSecretsLeaveNoTrace(t *testing.T) {
	samples := redacttest.Samples()
	require.GreaterOrEqual(t, len(samples)+len(keyed), 100)
	c := newCollector(t, telemetry.ProtocolGRPC)
	path := filepath.Join(t.TempDir(), "engine.log")
	var errorTexts syncBuffer
	var local bytes.Buffer
	resource := []attribute.KeyValue{attribute.String("db.password", "k-resource-0"), attribute.String("node", "n1")}
	for i, s := range samples {
		resource = append(resource, attribute.String(fmt.Sprintf("note.%d", i), s.Text))
	}
	cfg := telemetry.Config{
		Traces:  telemetry.Traces{PerQuery: 1e6, Total: 1e6},
		Logging: telemetry.Logging{PerSite: -1},
	}
	options := []telemetry.Option{
		telemetry.WithGlobals(), telemetry.WithResourceAttributes(resource...),
		telemetry.WithErrorHandler(func(err error) { _, _ = fmt.Fprintln(&errorTexts, err) }),
	}
	sdk := start(t, c, telemetry.ProtocolGRPC, cfg, append(options, telemetry.WithLogWriter(&local))...)
	toFile, err := telemetry.Start(t.Context(), telemetry.Config{Level: telemetry.Off, Logging: telemetry.Logging{Output: path, PerSite: -1}})
	require.NoError(t, err)

	secrets := []string{"k-struct-0", "k-map-0", "k-group-0", "k-event-0", "k-library-0", "k-resource-0"}
	for _, s := range samples {
		logSample(sdk.Logger(), s.Text)
		logSample(toFile.Logger(), s.Text)
		traceSample(t, sdk, s.Text)
		secrets = append(secrets, s.Hidden...)
	}
	for k, v := range keyed {
		sdk.Logger().Info("keyed", k, v, slog.Group("in", k, v))
		toFile.Logger().With(k, v).Info("keyed")
		_, span := otel.Tracer("library").Start(t.Context(), "keyed", trace.WithAttributes(attribute.String(k, v)))
		span.End()
		secrets = append(secrets, v)
	}
	sdk.App("orders").Query("q1").Window("tumbling").SizeFunc(func() int64 { panic(samples[0].Text) })
	require.ErrorContains(t, sdk.ForceFlush(t.Context()), "panic: dial postgres://***@db.local:5432/orders")
	require.NoError(t, toFile.Shutdown(t.Context()))

	c.mu.Lock()
	defer c.mu.Unlock()
	places := map[string]string{
		"stdout": said(t, local.String()), "file": said(t, readFile(t, path)), "error handler": errorTexts.String(),
		"logs": texts(t, c.logs), "spans": texts(t, c.spans), "metrics": texts(t, c.metrics),
	}
	for place, text := range places {
		assert.Contains(t, text, "***", place)
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 && len(secret) >= 7 { // shorter ones are found in ids and words
				t.Errorf("%q is in %s: %q", secret, place, text[max(0, at-60):min(len(text), at+len(secret)+20)])
			}
		}
	}
	for _, s := range samples {
		for _, kept := range s.Kept {
			for _, place := range []string{"stdout", "file", "logs", "spans", "metrics"} {
				assert.Contains(t, places[place], strings.TrimSpace(kept), place)
			}
		}
	}
	for _, kept := range []string{"db.local", "values", "could not start: EOF", "n1"} {
		assert.Contains(t, places["logs"], kept)
	}
}

func TestInnocentValuesReachTheCollectorUnchanged(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	var local bytes.Buffer
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{Logging: telemetry.Logging{PerSite: -1}}, telemetry.WithLogWriter(&local))
	innocent := redacttest.Innocent()
	require.GreaterOrEqual(t, len(innocent), 50)
	for _, s := range innocent {
		sdk.Logger().Info("m", "value", s, "map", map[string]string{"value": s})
	}
	flush(t, sdk)
	records := c.allLogs()
	require.Len(t, records, len(innocent))
	lines := strings.Split(strings.TrimSpace(local.String()), "\n")
	for i, s := range innocent {
		assert.Equal(t, map[string]any{"value": s, "map": map[string]any{"value": s}}, attributes(records[i].Attributes))
		var line struct{ Fields map[string]any }
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &line))
		assert.Equal(t, map[string]any{"value": s, "map": map[string]any{"value": s}}, line.Fields)
	}
}

func TestASecretOfTheConfigurationIsNotInTheErrorOfStart(t *testing.T) {
	_, err := telemetry.Start(t.Context(), telemetry.Config{}, telemetry.WithEndpoint("ftp://ada:hunter22@collector:4317"), telemetry.WithLogWriter(io.Discard))
	require.ErrorContains(t, err, "ftp://***@collector:4317")
}

func TestASecretTypeIsHiddenEverywhere(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	secret := logs.Secret("plain-words")
	sdk.Logger().Info("m", "note", secret, "in", struct{ Note logs.Secret }{secret}, "map", map[string]any{"note": &secret})
	flush(t, sdk)
	assert.Equal(t, map[string]any{"note": "***", "in": map[string]any{"Note": "***"}, "map": map[string]any{"note": "***"}}, attributes(c.allLogs()[0].Attributes))
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// said returns every text of JSON lines, unescaped.
func said(t *testing.T, lines string) string {
	t.Helper()
	var all strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				all.WriteString(name + "\n")
				walk(member)
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		default:
			fmt.Fprintln(&all, v)
		}
	}
	for line := range strings.Lines(lines) {
		var v any
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		walk(v)
	}
	return all.String()
}

// texts returns every string and byte string of messages, except ids.
func texts[M proto.Message](t *testing.T, messages []M) string {
	t.Helper()
	var all strings.Builder
	for _, m := range messages {
		require.NoError(t, protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
			switch v := p.Index(-1).Value.Interface().(type) {
			case string:
				all.WriteString(v + "\n")
			case []byte:
				all.WriteString(string(v) + "\n")
			}
			return nil
		}))
	}
	return all.String()
}
