// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// CSV reads bars from a file: timestamp, symbol, close and volume by the names
// of its header line, other columns are ignored. The close is the price of the
// event. A record that cannot be read is skipped and counted.
type CSV struct {
	columns  columns
	names    *event.Symbols
	records  *csv.Reader
	field    fields
	closers  []io.Closer
	rejected int64
	// OnReject, if set, hears why a record was skipped.
	OnReject func(error)
}

type fields struct{ timestamp, symbol, price, volume int }

// OpenCSV opens a plain or gzip file and reads its header.
func OpenCSV(path string, s *event.Schema, names *event.Symbols) (*CSV, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := newCSV(f, s, names)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	c.closers = append(c.closers, f)
	return c, nil
}

func newCSV(r io.Reader, s *event.Schema, names *event.Symbols) (*CSV, error) {
	c := &CSV{columns: columnsOf(s), names: names}
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		c.closers = append(c.closers, z)
		in = bufio.NewReaderSize(z, 1<<16)
	}
	c.records = csv.NewReader(in)
	c.records.ReuseRecord = true
	header, err := c.records.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("file is empty, want a header line")
	}
	if err != nil {
		return nil, err
	}
	return c, c.bind(header)
}

func (c *CSV) bind(header []string) error {
	for name, at := range map[string]*int{
		"timestamp": &c.field.timestamp, "symbol": &c.field.symbol, "close": &c.field.price, "volume": &c.field.volume,
	} {
		if *at = slices.Index(header, name); *at < 0 {
			return fmt.Errorf("header %q has no column %q", header, name)
		}
	}
	return nil
}

// Read implements Reader.
func (c *CSV) Read(b *event.Batch, n int, _ int64) error {
	for n > 0 {
		record, err := c.records.Read()
		var malformed *csv.ParseError
		switch {
		case errors.As(err, &malformed):
			c.reject(err)
			continue
		case err != nil:
			return err // io.EOF, or the file itself is broken
		}
		if err := c.row(b, record); err != nil {
			line, _ := c.records.FieldPos(0)
			c.reject(fmt.Errorf("line %d: %w", line, err))
			continue
		}
		n--
	}
	return nil
}

func (c *CSV) reject(err error) {
	c.rejected++
	if c.OnReject != nil {
		c.OnReject(err)
	}
}

func (c *CSV) row(b *event.Batch, record []string) error {
	at, err := time.Parse(time.RFC3339, record[c.field.timestamp])
	if err != nil {
		return err
	}
	price, err := strconv.ParseFloat(record[c.field.price], 64)
	if err != nil {
		return err
	}
	volume, err := parseVolume(record[c.field.volume])
	if err != nil {
		return err
	}
	symbol, err := c.names.Intern(record[c.field.symbol])
	if err != nil {
		return err
	}
	r := b.Append()
	r.SetTime(at.UnixNano())
	r.SetSymbol(c.columns.symbol, symbol)
	r.SetFloat(c.columns.price, price)
	r.SetInt(c.columns.volume, volume)
	return nil
}

// parseVolume also takes the decimal form that some tools write.
func parseVolume(s string) (int64, error) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return v, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	return int64(v), err
}

// Rejected implements Reader.
func (c *CSV) Rejected() int64 { return c.rejected }

// Close implements Reader.
func (c *CSV) Close() error {
	var errs []error
	for _, cl := range c.closers {
		errs = append(errs, cl.Close())
	}
	return errors.Join(errs...)
}
