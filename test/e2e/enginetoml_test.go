// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// prettyLine is a line of the engine's log in format pretty.
var prettyLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} (ERROR|WARN|INFO|DEBUG|TRACE) +eventflux(::[a-z_]+)*: \S.*( {2}trace=[0-9a-f]{32})?$`)

// Node a writes JSON to a file, node b lines for people to stdout, both from debug up.
func TestTheEngineLogsAsItsConfigurationFileSays(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	output := filepath.Join(t.TempDir(), "engine.log")
	toFile := fmt.Sprintf("[logging]\nlevel = \"debug\"\nformat = \"json\"\noutput = %q\n", output)
	e := run.NewEngine{
		Endpoint: c.Endpoint(),
		A:        []string{"--config", writeConfig(t, toFile), "--events", "1000", "--rate", "1000", "--set", "window=100ms"},
		B:        []string{"--config", writeConfig(t, "[logging]\nlevel = \"debug\"\nformat = \"pretty\"\n")},
	}.Start(t)
	require.Zero(t, e.A.Wait())
	require.Zero(t, e.B.Stop())

	t.Run("json", func(t *testing.T) { assertJSON(t, output, filepath.Join(c.DataDir, "traces.jsonl")) })
	t.Run("nothing is on stdout when the output is a file", func(t *testing.T) { assert.Empty(t, e.A.Output()) })
	t.Run("pretty", func(t *testing.T) {
		debug := 0
		for line := range strings.Lines(e.B.Output()) {
			line = strings.TrimSuffix(line, "\n")
			assert.Regexp(t, prettyLine, line)
			if strings.Contains(line, " DEBUG eventflux::query: batch executed  query.id=") && strings.Contains(line, "  trace=") {
				debug++
			}
		}
		assert.Positive(t, debug, "lines about traced batches")
		assertCalm(t, e.B.Output(), "  eventflux.app.name=", " INFO  eventflux::node: node b started  ")
	})
}

// assertJSON checks the log of a node whose input has ended, and that what it says of a batch leads to its trace.
func assertJSON(t *testing.T, path, recording string) {
	t.Helper()
	all := records(t, path)
	totals := withMessage(all, "totals at the end of the input")
	require.Len(t, totals, 1)
	assert.Equal(t, "INFO", totals[0].Level)
	assert.Equal(t, 1000.0, totals[0].Fields["events.read"], "numbers are numbers")
	batches := withMessage(all, "batch executed")
	require.NotEmpty(t, batches)
	for _, r := range batches {
		assert.Equal(t, "DEBUG", r.Level)
		assert.Equal(t, "eventflux::query", r.Target)
		assert.NotEmpty(t, r.Fields["query.id"])
		assert.NotEmpty(t, r.Fields["stream.name"])
		require.NotNil(t, r.Span, "it was written inside a batch")
	}
	run.Eventually(t, "the spans of all these batches are recorded", func() bool {
		spans, err := recorded.Spans(recording)
		require.NoError(t, err)
		known := map[string]bool{}
		for _, s := range spans {
			known[s.TraceID().String()+" "+s.SpanID().String()] = true
		}
		return !slices.ContainsFunc(batches, func(r record) bool { return !known[r.Span.TraceID+" "+r.Span.SpanID] })
	})
}

// The log sink writes how many trades each second had, so that a lost line would be a wrong sum.
func TestALogFileThatWasRenamedIsReopenedOnSIGHUPAndNoLineIsLost(t *testing.T) {
	output := filepath.Join(t.TempDir(), "engine.log")
	e := run.NewEngine{
		Endpoint: "127.0.0.1:1", Env: map[string]string{"OTEL_SDK_DISABLED": "true"}, // the local log alone
		A: []string{"--config", writeConfig(t, fmt.Sprintf("[logging]\noutput = %q\n", output)), "--rate", "1000", "--set", "window=100ms"},
	}.Start(t)
	more := func(path string) {
		t.Helper()
		before := linesIn(path)
		run.Eventually(t, "lines go to "+path, func() bool { return linesIn(path) > before })
	}
	more(output)
	rotated := output + ".1"
	require.NoError(t, syscall.Rename(output, rotated))
	more(rotated)
	assert.NoFileExists(t, output, "until it is told, the engine writes on where it was")
	e.A.Signal(syscall.SIGHUP)
	more(output)
	whole := linesIn(rotated)
	more(output)
	require.Zero(t, e.A.Stop())
	assert.Equal(t, whole, linesIn(rotated), "the old file is left alone")

	old, fresh := records(t, rotated), records(t, output)
	assert.Len(t, withMessage(old, "node a started"), 1)
	trades := 0.0
	for _, r := range withMessage(append(old, fresh...), "trade rate") {
		trades += r.Fields["trades"].(float64)
	}
	totals := withMessage(fresh, "totals at the end of the input")
	require.Len(t, totals, 1)
	assert.Equal(t, totals[0].Fields["events.read"], trades, "trades in both files")
	for _, r := range append(old, fresh...) {
		assert.NotEqual(t, "DEBUG", r.Level, "the default level is info")
	}
}

func TestAMistakeInTheConfigurationFileIsNamedInOneLine(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"a misspelt key", "[logging]\nlevel = \"debug\"\nformt = \"json\"\n",
			":3: unknown key logging.formt, keys of [logging] are level, format, output, per_site",
		},
		{
			"a misspelt table", "[logging]\nlevel = \"debug\"\n\n[telemtry]\nlevel = \"detail\"\n",
			":4: unknown key telemtry, tables are service, telemetry, logging",
		},
		{
			"a value that does not exist", "[logging]\nformat = \"xml\"\n",
			`:2: bad value for logging.format: unknown log format "xml", want json or pretty`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := writeConfig(t, tt.text)
			p := run.NewEngine{Endpoint: "127.0.0.1:1", Both: []string{"--config", path}}.StartAlone(t, "a")
			assert.Equal(t, 2, p.Wait())
			assert.Equal(t, "eventflux-engine: "+path+tt.want+"\n", p.Output())
		})
	}
}

func TestAConfigurationFileThatCannotBeReadIsNamed(t *testing.T) {
	dir := t.TempDir()
	for path, reason := range map[string]string{
		filepath.Join(dir, "absent.toml"): "no such file or directory",
		dir:                               "is a directory",
	} {
		t.Run(reason, func(t *testing.T) {
			p := run.NewEngine{Endpoint: "127.0.0.1:1", Both: []string{"--config", path}}.StartAlone(t, "b")
			assert.Equal(t, 2, p.Wait())
			assert.Equal(t, 1, strings.Count(p.Output(), "\n"), "one line")
			assertCalm(t, p.Output(), "could not read the telemetry configuration", path, reason)
		})
	}
}

func TestALogOutputThatCannotBeOpenedDoesNotStopTheEngine(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent", "engine.log")
	e := run.NewEngine{
		Endpoint: "127.0.0.1:1", Env: map[string]string{"OTEL_SDK_DISABLED": "true"},
		A: []string{"--config", writeConfig(t, fmt.Sprintf("[logging]\noutput = %q\n", absent)), "--events", "100"},
	}.Start(t)
	require.Zero(t, e.A.Wait())
	assertCalm(t, e.A.Output(), "give stdout, stderr or a writable path as log output", absent, `"events.read":100`)
}
