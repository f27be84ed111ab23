// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
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
	all := make([]event.Row, len(rows))
	for n, texts := range rows {
		all[n] = make(event.Row, 1+len(t.Schema.Columns))
		if len(texts) != len(t.Schema.Columns) {
			return fmt.Errorf("could not load row %d of table %s: it has %d values, not %d", n+1, t.Schema.Stream, len(texts), len(t.Schema.Columns))
		}
		for i, c := range t.Schema.Columns {
			if err := t.set(all[n], i, c.Type, texts[i]); err != nil {
				return fmt.Errorf("could not load row %d of table %s: column %s: %w", n+1, t.Schema.Stream, c.Name, err)
			}
		}
	}
	for chunk := range slices.Chunk(all, 4096) {
		if err := t.Upsert(chunk...); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) set(r event.Row, column int, of event.Type, text string) error {
	switch of {
	case event.Symbol:
		id, err := t.Names.Intern(text)
		r.SetSymbol(column, id)
		return err
	case event.Float:
		v, err := strconv.ParseFloat(text, 64)
		r.SetFloat(column, v)
		return err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	r.SetInt(column, v)
	return err
}

// LoadCSV upserts the rows of a file whose first line names the columns, in any order; it may have others, too.
func (t *Table) LoadCSV(path string) error {
	data, err := os.ReadFile(path)
	rows, malformed := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err = errors.Join(err, malformed); err != nil {
		return fmt.Errorf("could not load table %s from %s: %w", t.Schema.Stream, path, err)
	}
	rows = append(rows, nil) // stands for the first line of an empty file
	sorted := make([][]string, max(len(rows)-2, 0))
	for _, c := range t.Schema.Columns {
		at := slices.Index(rows[0], c.Name)
		if at < 0 {
			return fmt.Errorf("could not load table %s: the first line of %s has no %q", t.Schema.Stream, path, c.Name)
		}
		for n := range sorted {
			sorted[n] = append(sorted[n], rows[n+1][at])
		}
	}
	return t.Load(sorted)
}
