// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Load upserts rows of texts, in the order of the columns.
func (t *Table) Load(rows [][]string) error {
	parsed := make([]event.Row, len(rows))
	for i, texts := range rows {
		var err error
		if parsed[i], err = t.parse(texts); err != nil {
			return fmt.Errorf("could not load row %d of table %s: %w", i+1, t.Schema.Stream, err)
		}
	}
	for chunk := range slices.Chunk(parsed, 4096) {
		if err := t.Upsert(chunk...); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) parse(texts []string) (event.Row, error) {
	if len(texts) != len(t.Schema.Columns) {
		return nil, fmt.Errorf("it has %d values for %d columns", len(texts), len(t.Schema.Columns))
	}
	r := make(event.Row, 1+len(texts))
	for i, c := range t.Schema.Columns {
		var err error
		switch text := texts[i]; c.Type {
		case event.Symbol:
			var id event.ID
			id, err = t.Names.Intern(text)
			r.SetSymbol(i, id)
		case event.Float:
			var v float64
			v, err = strconv.ParseFloat(text, 64)
			r.SetFloat(i, v)
		default:
			var v int64
			v, err = strconv.ParseInt(text, 10, 64)
			r.SetInt(i, v)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return r, nil
}

// LoadCSV upserts the rows of a file whose first line names the columns, in any order; it may have others, too.
func (t *Table) LoadCSV(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("could not load table %s: %w", t.Schema.Stream, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("could not load table %s from %s: %w", t.Schema.Stream, path, cmp.Or(err, errors.New("it is empty")))
	}
	header, rows := rows[0], rows[1:]
	sorted := make([][]string, len(rows))
	for _, c := range t.Schema.Columns {
		at := slices.Index(header, c.Name)
		if at < 0 {
			return fmt.Errorf("could not load table %s from %s: its first line names no column %q", t.Schema.Stream, path, c.Name)
		}
		for i, row := range rows {
			sorted[i] = append(sorted[i], row[at])
		}
	}
	return t.Load(sorted)
}
