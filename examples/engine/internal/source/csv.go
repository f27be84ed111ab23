// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// CSV reads a plain or gzip file whose header line names the columns; columns that the schema lacks are ignored. A
// record that cannot be read is skipped and counted.
type CSV struct {
	columns []event.Column // the event time, and those of the schema
	fields  []int          // where they are in a record
	names   *event.Symbols
	file    *os.File
	records *csv.Reader
	at      Progress
	// OnReject, if set, hears why a record was skipped.
	OnReject func(error)
}

// OpenCSV opens a file and reads its header. headers says what the file calls a column of s; a column that is not in
// it has its own name there. The event time is "timestamp", in RFC 3339 or as a number since 1970.
func OpenCSV(path string, s *event.Schema, names *event.Symbols, headers map[string]string) (*CSV, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &CSV{names: names, file: f, columns: append([]event.Column{{Name: "timestamp", Type: event.Time}}, s.Columns...)}
	if err := c.begin(headers); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return c, nil
}

func (c *CSV) begin(headers map[string]string) error {
	in := bufio.NewReaderSize(c.file, 1<<16)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	c.records = csv.NewReader(in)
	c.records.ReuseRecord = true
	header, err := c.records.Read()
	if err != nil {
		return fmt.Errorf("want a header line: %w", err)
	}
	for _, column := range c.columns {
		name := cmp.Or(headers[column.Name], column.Name)
		at := slices.Index(header, name)
		if at < 0 {
			return fmt.Errorf("header %q has no column %q", header, name)
		}
		c.fields = append(c.fields, at)
	}
	return nil
}

// Read implements Reader.
func (c *CSV) Read(b *event.Batch, n int, _ int64) error {
	for want := b.Len() + n; b.Len() < want; {
		record, bad, err := c.next()
		if err != nil {
			return err // io.EOF, or the file itself is broken
		}
		if bad == nil {
			bad = c.row(b, record)
		}
		if bad != nil {
			c.at.Rejected++
		}
		if bad != nil && c.OnReject != nil {
			c.OnReject(bad)
		}
	}
	return nil
}

// next returns a record, or why it is none.
func (c *CSV) next() (record []string, bad, err error) {
	record, err = c.records.Read()
	if malformed := (*csv.ParseError)(nil); errors.As(err, &malformed) {
		bad, err = err, nil
	}
	if err == nil {
		c.at.Position++
	}
	return record, bad, err
}

func (c *CSV) row(b *event.Batch, record []string) error {
	r := b.Append()
	for i, column := range c.columns {
		if err := set(r, i-1, column.Type, record[c.fields[i]], c.names); err != nil {
			b.Truncate(b.Len() - 1)
			line, _ := c.records.FieldPos(c.fields[i])
			return fmt.Errorf("line %d, %s: %w", line, column.Name, err)
		}
	}
	return nil
}

// Skip implements Reader.
func (c *CSV) Skip(records int64) error {
	for end := c.at.Position + records; c.at.Position < end; {
		if _, _, err := c.next(); err != nil {
			return fmt.Errorf("go on after record %d of %s: %w at record %d", end, c.file.Name(), err, c.at.Position)
		}
	}
	return nil
}

// Progress implements Reader. The bytes of a gzip file are those that were in it.
func (c *CSV) Progress() Progress {
	c.at.Bytes = c.records.InputOffset()
	return c.at
}

// Close closes the file.
func (c *CSV) Close() error { return c.file.Close() }
