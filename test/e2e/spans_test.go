// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// spanTable is the table of spans in docs/telemetry.md, by the first word of
// the span's name.
type spanTable map[string]spanRow

type spanRow struct {
	kind              string
	required, allowed []string
}

var attributeOfRow = regexp.MustCompile("`([a-z._]+)`(\\??)")

func documentedSpans(t *testing.T) spanTable {
	t.Helper()
	text := read(t, filepath.Join(run.Root(t), "docs", "telemetry.md"))
	_, text, found := strings.Cut(text, "\n## Spans\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n## ")
	table := spanTable{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.Contains(cells[2], "`") {
			continue
		}
		name, _, _ := strings.Cut(strings.Trim(cells[2], " `"), " ")
		row := spanRow{kind: strings.TrimSpace(cells[3])}
		for _, m := range attributeOfRow.FindAllStringSubmatch(cells[6], -1) {
			row.allowed = append(row.allowed, m[1])
			if m[2] == "" {
				row.required = append(row.required, m[1])
			}
		}
		table[name] = row
	}
	require.Greater(t, len(table), 20)
	return table
}

// check compares a span with its row: kind, all attributes that it must have,
// and none that it may not have.
func (table spanTable) check(t *testing.T, s recorded.Span) {
	t.Helper()
	first, _, _ := strings.Cut(s.Name(), " ")
	row, found := table[first]
	require.True(t, found, "%s is not documented", s.Name())
	assert.Equal(t, row.kind, strings.ToLower(s.Kind().String()), s.Name())
	for _, key := range row.required {
		_, has := s.Attributes().Get(key)
		assert.True(t, has, "%s lacks %s", s.Name(), key)
	}
	for key := range s.Attributes().All() {
		assert.True(t, slices.Contains(row.allowed, key), "%s has %s, which is not documented", s.Name(), key)
	}
}
