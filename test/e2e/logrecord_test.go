// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// record is a line of the engine's log in format json.
type record struct {
	Timestamp string         `json:"timestamp"`
	Level     string         `json:"level"`
	Target    string         `json:"target"`
	Message   string         `json:"message"`
	Fields    map[string]any `json:"fields"`
	Span      *struct {
		TraceID string `json:"trace_id"`
		SpanID  string `json:"span_id"`
	} `json:"span"`
}

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	level     = regexp.MustCompile(`^(ERROR|WARN|INFO|DEBUG|TRACE)$`)
	target    = regexp.MustCompile(`^eventflux(::[a-z_]+)*$`)
	traceID   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	spanID    = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// records reads a file of log lines and checks that each is a record: these members in this order, and no others.
func records(t *testing.T, path string) (all []record) {
	t.Helper()
	text := read(t, path)
	require.True(t, strings.HasSuffix(text, "\n"), "%s ends in the middle of a line", path)
	for line := range strings.Lines(text) {
		var r record
		strict := json.NewDecoder(strings.NewReader(line))
		strict.DisallowUnknownFields()
		require.NoError(t, strict.Decode(&r), line)
		members := []string{"timestamp", "level", "target", "message", "fields"}
		if r.Span != nil {
			members = append(members, "span")
			assert.Regexp(t, traceID, r.Span.TraceID, line)
			assert.Regexp(t, spanID, r.Span.SpanID, line)
		}
		assert.Equal(t, members, membersOf(t, line), line)
		assert.Regexp(t, timestamp, r.Timestamp, line)
		assert.Regexp(t, level, r.Level, line)
		assert.Regexp(t, target, r.Target, line)
		assert.NotEmpty(t, r.Message, line)
		all = append(all, r)
	}
	return all
}

// membersOf names the members of an object in their order.
func membersOf(t *testing.T, object string) (names []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	_, err := d.Token() // {
	require.NoError(t, err)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		names = append(names, name.(string))
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
	}
	return names
}

// withMessage returns the records that say so.
func withMessage(all []record, message string) (found []record) {
	for _, r := range all {
		if r.Message == message {
			found = append(found, r)
		}
	}
	return found
}

// linesIn counts the whole lines of a file, none if there is no file.
func linesIn(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return bytes.Count(text, []byte("\n"))
}
