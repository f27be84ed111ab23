// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type account struct {
	User     string
	Password string
	URL      string `json:"url"`
	Key      []byte
	hidden   string
}

type failure struct{ Token string }

func (f failure) Error() string { return "rejected token=" + f.Token }

type panics struct{}

func (panics) LogValue() slog.Value { panic("password=hunter22") }

type panicsInError struct{}

func (panicsInError) Error() string { panic("password=hunter22") }

type panicsInJSON struct{}

func (panicsInJSON) MarshalJSON() ([]byte, error) { panic("password=hunter22") }

type login struct{ pw string }

func (l login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", "ada"), slog.String("password", l.pw))
}

// redacted logs through Redact and returns the fields and the number of secrets.
func redacted(t *testing.T, log func(*slog.Logger)) (fields map[string]any, message string, n int) {
	t.Helper()
	var out bytes.Buffer
	log(slog.New(Redact(NewHandler(&out, Options{}), func(found int) { n += found })))
	assert.NotContains(t, out.String(), "hunter22")
	var line struct {
		Message string
		Fields  map[string]any
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	return line.Fields, line.Message, n
}

func TestEveryKindOfValueIsRedacted(t *testing.T) {
	secretURL := "redis://:hunter22@h/0"
	parsed, err := url.Parse(secretURL)
	require.NoError(t, err)
	fields, message, n := redacted(t, func(l *slog.Logger) {
		l.Info("dial "+secretURL,
			"query.id", "q1", "password", "hunter22", "n", 5, "token", 22, "token.count", 7, "password.set", true, "token.ttl", time.Minute,
			"url", secretURL, "parsed", parsed, "err", fmt.Errorf("dial: %w", errors.Join(io.EOF, errors.New(secretURL))), "failure", failure{"hunter22"},
			"account", account{User: "ada", Password: "hunter22", URL: secretURL, Key: []byte("password=hunter22"), hidden: "hunter22"},
			"pointer", &account{User: "bob", Password: "hunter22"}, "map", map[string]any{"user": "ada", "api_key": "hunter22", "deep": map[string]string{"secret": "hunter22"}},
			"list", []string{"a", secretURL}, "anys", []any{1, secretURL}, "bytes", []byte("password=hunter22"), "valuer", login{"hunter22"}, "secret", Secret("hunter22"),
			"panics", panics{}, "panicsInError", panicsInError{}, "panicsInJSON", panicsInJSON{}, "nil", nil,
			slog.Group("api", "key", "hunter22", "name", "orders", slog.Group("cookie", "value", "hunter22", "count", 3)))
	})
	assert.Equal(t, "dial redis://***@h/0", message)
	assert.Contains(t, fields["panics"], "LogValue panicked")
	delete(fields, "panics")
	assert.NotNil(t, fields["parsed"])
	delete(fields, "parsed")
	assert.Equal(t, map[string]any{
		"query.id": "q1", "password": "***", "n": 5.0, "token": "***", "token.count": 7.0, "password.set": true, "token.ttl": "1m0s",
		"url": "redis://***@h/0", "err": "dial: EOF\nredis://***@h/0", "failure": "rejected token=***",
		"account": map[string]any{"User": "ada", "Password": "***", "url": "redis://***@h/0", "Key": "***"},
		"pointer": map[string]any{"User": "bob", "Password": "***", "url": "", "Key": nil},
		"map":     map[string]any{"user": "ada", "api_key": "***", "deep": map[string]any{"secret": "***"}},
		"list":    []any{"a", "redis://***@h/0"}, "anys": []any{1.0, "redis://***@h/0"}, "bytes": "cGFzc3dvcmQ9Kioq",
		"valuer.user": "ada", "valuer.password": "***", "secret": "***", "panicsInError": "!PANIC: password=***", "panicsInJSON": "!PANIC: password=***",
		"nil": nil, "api.key": "***", "api.name": "orders", "api.cookie.value": "***", "api.cookie.count": 3.0,
	}, fields)
	assert.Equal(t, 20, n)
}

func TestWithAttrsAndGroupsAreRedactedOnce(t *testing.T) {
	n := 0
	var out bytes.Buffer
	logger := slog.New(Redact(NewHandler(&out, Options{}), func(found int) { n += found })).
		With("password", "hunter22", "target", "eventflux::sink").WithGroup("api").With("key", "hunter22").WithGroup("")
	assert.Equal(t, 2, n)
	logger.Info("m", "key", "hunter22", "id", 7)
	logger.Info("m")
	assert.Equal(t, 3, n)
	assert.NotContains(t, out.String(), "hunter22")
	assert.Contains(t, out.String(), `"target":"eventflux::sink","message":"m","fields":{"password":"***","api.key":"***","api.key":"***","api.id":7}`)
	slog.New(Redact(NewHandler(io.Discard, Options{}), nil)).Info("m", "password", "x")
}

func TestACleanRecordIsPassedOnAsItIs(t *testing.T) {
	want := write(t, Options{}, inSpan(), slog.LevelInfo, "Query executed", "query.id", "q1", "n", 1, "d", time.Second, "f", 0.5)
	var out bytes.Buffer
	r := slog.NewRecord(at, slog.LevelInfo, "Query executed", 0)
	r.Add("query.id", "q1", "n", 1, "d", time.Second, "f", 0.5)
	require.NoError(t, Redact(NewHandler(&out, Options{}), func(int) { t.Error("counted") }).Handle(inSpan(), r))
	assert.Equal(t, want, out.String())
}

// FuzzRedact holds that a line stays one line of valid JSON, and without the secret.
func FuzzRedact(f *testing.F) {
	f.Add("message", "key", "value")
	f.Fuzz(func(t *testing.T, msg, key, value string) {
		var out bytes.Buffer
		slog.New(Redact(NewHandler(&out, Options{}), nil)).Info(msg, slog.String(key, value), "any", map[string]string{key: value, "password": "hunter22"}, "err", errors.New(value+"\npassword=hunter22"))
		if !json.Valid(out.Bytes()) || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Fatalf("not one line of JSON: %q", out.String())
		}
		if bytes.Contains(out.Bytes(), []byte("hunter22")) && !bytes.Contains([]byte(msg+key+value), []byte("hunter22")) {
			t.Fatalf("%q", out.String())
		}
	})
}
