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
	"io"
	"os"
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// CSV reads a plain or gzip file whose header line names the columns; columns that the schema lacks are ignored. A
// record that cannot be read is skipped and counted.
type CSV struct {
	schema  *event.Schema
	names   *event.Symbols
	file    *os.File
	records *csv.Reader
	fields  []int // of the event time and of each column
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
	c := &CSV{schema: s, names: names, file: f}
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
	if errors.Is(err, io.EOF) {
		return errors.New("file is empty, want a header line")
	}
	for _, column := range slices.Concat([]event.Column{{Name: "timestamp"}}, c.schema.Columns) {
		name := cmp.Or(headers[column.Name], column.Name)
		at := slices.Index(header, name)
		if err == nil && at < 0 {
			err = fmt.Errorf("header %q has no column %q", header, name)
		}
		c.fields = append(c.fields, at)
	}
	return err
}

// Read implements Reader.
func (c *CSV) Read(b *event.Batch, n int, _ int64) error {
	for want := b.Len() + n; b.Len() < want; {
		record, err := c.next()
		var malformed *csv.ParseError
		switch {
		case errors.As(err, &malformed):
			c.reject(err)
			continue
		case err != nil:
			return err // io.EOF, or the file itself is broken
		}
		if err := c.row(b.Append(), record); err != nil {
			b.Truncate(b.Len() - 1)
			line, _ := c.records.FieldPos(0)
			c.reject(fmt.Errorf("line %d: %w", line, err))
		}
	}
	return nil
}

func (c *CSV) next() ([]string, error) {
	record, err := c.records.Read()
	if !errors.Is(err, io.EOF) {
		c.at.Position++
	}
	return record, err
}

func (c *CSV) reject(err error) {
	c.at.Rejected++
	if c.OnReject != nil {
		c.OnReject(err)
	}
}

func (c *CSV) row(r event.Row, record []string) error {
	if err := set(r, -1, event.Time, record[c.fields[0]], c.names); err != nil {
		return err
	}
	for i, column := range c.schema.Columns {
		if err := set(r, i, column.Type, record[c.fields[i+1]], c.names); err != nil {
			return fmt.Errorf("column %s: %w", column.Name, err)
		}
	}
	return nil
}

// Skip implements Reader.
func (c *CSV) Skip(records int64) error {
	for end := c.at.Position + records; c.at.Position < end; {
		_, err := c.next()
		if malformed := (*csv.ParseError)(nil); err != nil && !errors.As(err, &malformed) {
			return fmt.Errorf("go to record %d of %s, which a former run has read: %w after record %d", end, c.file.Name(), err, c.at.Position)
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
