// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package event holds the rows that flow through the engine. A row is a run of
// 64-bit words without pointers: the event time first, then one word per
// column. Text is interned, so a row never allocates.
package event

import "slices"

// Type says how the word of a column is read.
type Type uint8

// The column types.
const (
	Float  Type = iota + 1 // an IEEE 754 double
	Int                    // a signed integer
	Symbol                 // text, interned in Symbols
	Time                   // nanoseconds since 1970
)

// Column is one named value of a row.
type Column struct {
	Name string
	Type Type
}

// Schema names a stream and the columns of its rows. It does not change once built.
type Schema struct {
	Stream  string
	Columns []Column
}

// Index finds a column by name; ok is false when there is none.
func (s *Schema) Index(name string) (i int, ok bool) {
	i = slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
	return i, i >= 0
}

// MustIndex is Index for columns the program itself declares. It panics when
// the column is missing, which is a mistake in the program.
func (s *Schema) MustIndex(name string) int {
	i, ok := s.Index(name)
	if !ok {
		panic("event: stream " + s.Stream + " has no column " + name)
	}
	return i
}

// SameColumns reports whether rows of both schemas can be read alike.
func (s *Schema) SameColumns(o *Schema) bool { return slices.Equal(s.Columns, o.Columns) }
