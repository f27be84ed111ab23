// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package aggregate adds up rows by group: counts, sums, extremes and the like of columns. Groups and panes are small
// numbers, so that no row costs a search. Its types belong to one goroutine.
package aggregate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Func is an aggregate function. First and Last go by event time, StdDev is the population's; a NaN is greater than
// all numbers, and the sum of an Int column wraps around.
type Func uint8

// The functions.
const (
	Count Func = iota
	Sum
	Avg
	Min
	Max
	StdDev
	Distinct
	First
	Last
)

var names = []string{"count", "sum", "avg", "min", "max", "stddev", "distinctCount", "first", "last"}

// ParseFunc finds a function by its name in any case; ok is false when there is none.
func ParseFunc(name string) (f Func, ok bool) {
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	return Func(max(i, 0)), i >= 0
}

// Type is the type of the result over a column.
func (f Func) Type(column event.Type) (event.Type, error) {
	number := column == event.Float || column == event.Int
	switch {
	case f == Count || f == Distinct:
		return event.Int, nil
	case f == First || f == Last || (f == Min || f == Max) && column == event.Time || number && f <= Max && f != Avg:
		return column, nil
	case number:
		return event.Float, nil
	}
	return 0, fmt.Errorf("could not apply %s: it takes a column of numbers", names[f])
}

// Spec is one function over one column of the input, which is of the given type. Count looks at no column.
type Spec struct {
	Func   Func
	Column int
	Type   event.Type
}

// Key holds the words of the group-by columns; those past the last are 0.
type Key [4]uint64

// Keys gives every combination of values in the group-by columns a number, from 0 up without gaps. A number is kept for
// good, because it indexes other state: groups that no longer occur count against the limit, too. Exported fields are the
// state that survives a restart.
type Keys struct {
	Keys    []Key // by number
	Numbers map[Key]int32
	Lane    []int32 // by symbol: its number, plus one

	columns []int
	symbol  int // word of the only column if that is a Symbol, else 0
	limit   int
}

// NewKeys reads the given columns of in, as many as a Key has room for, and tells at most limit groups apart.
func NewKeys(in *event.Schema, columns []int, limit int) *Keys {
	k := &Keys{Numbers: make(map[Key]int32), columns: columns, limit: limit}
	if len(columns) == 1 && in.Columns[columns[0]].Type == event.Symbol {
		k.symbol = columns[0] + 1
	}
	return k
}

// Number returns the number of the row's group; ok is false when the group is new and there is no room for it.
func (k *Keys) Number(r event.Row) (n int32, ok bool) {
	if s := r[k.symbol]; s < uint64(len(k.Lane)) && k.Lane[s] > 0 {
		return k.Lane[s] - 1, true
	}
	return k.find(r)
}

func (k *Keys) find(r event.Row) (n int32, ok bool) {
	var key Key
	for i, c := range k.columns {
		key[i] = r[c+1]
	}
	if n, ok = k.Numbers[key]; ok || len(k.Keys) >= k.limit {
		return n, ok
	}
	n = int32(len(k.Keys))
	k.Numbers[key], k.Keys = n, append(k.Keys, key)
	if k.symbol > 0 {
		k.Lane = append(k.Lane, make([]int32, max(int(key[0])+1-len(k.Lane), 0))...)
		k.Lane[key[0]] = n + 1
	}
	return n, true
}

// Words are the values of a group, in the order of the columns.
func (k *Keys) Words(n int32) []uint64 { return k.Keys[n][:len(k.columns)] }

// Bytes estimates the memory held.
func (k *Keys) Bytes() int64 { return int64(len(k.Keys))*80 + int64(len(k.Lane))*4 }
