// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package table holds reference rows that streams are joined with.
package table

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Table maps a key to a row of texts. It does not change once built, so any
// number of goroutines may read it.
type Table struct {
	width int
	cells []event.ID
	at    []int32 // by key: row number plus one; 0 is absent
	bytes int64
}

// New interns rows in names. The first text of a row is its key; every row has the same width.
func New(names *event.Symbols, rows [][]string) (*Table, error) {
	t := &Table{}
	for _, row := range rows {
		key, err := names.Intern(row[0])
		if err != nil {
			return nil, err
		}
		if t.width == 0 {
			t.width = len(row) - 1
		}
		if len(row)-1 != t.width {
			return nil, fmt.Errorf("row %q has %d values, want %d", row[0], len(row)-1, t.width)
		}
		for _, text := range row[1:] {
			id, err := names.Intern(text)
			if err != nil {
				return nil, err
			}
			t.cells = append(t.cells, id)
		}
		for int(key) >= len(t.at) {
			t.at = append(t.at, 0)
		}
		t.at[key] = int32(len(t.cells) / max(t.width, 1))
	}
	t.bytes = int64(cap(t.at)+cap(t.cells)) * 4
	return t, nil
}

// Find returns the values of key; ok is false when the table has no such row.
func (t *Table) Find(key event.ID) (values []event.ID, ok bool) {
	if int(key) >= len(t.at) || t.at[key] == 0 {
		return nil, false
	}
	end := int(t.at[key]) * t.width
	return t.cells[end-t.width : end], true
}

// Bytes is the memory held, without the texts.
func (t *Table) Bytes() int64 { return t.bytes }
