// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package source makes batches of trades, from a file or from a random walk.
// It knows no clock and starts no goroutine: whoever drives it decides when.
package source

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Reader fills batches.
type Reader interface {
	// Read appends up to n rows to b. It may append fewer; it returns io.EOF,
	// with or without rows, when nothing follows. now is the event time of
	// sources that have none of their own.
	Read(b *event.Batch, n int, now int64) error
	// Rejected is the number of input records that were no events. Call it
	// when nobody reads.
	Rejected() int64
	// Close releases what the source holds.
	Close() error
}

// columns are the places of a trade's values in its row.
type columns struct{ symbol, price, volume int }

func columnsOf(s *event.Schema) columns {
	return columns{s.MustIndex("symbol"), s.MustIndex("price"), s.MustIndex("volume")}
}

func intern(names *event.Symbols, symbols []string) ([]event.ID, error) {
	out := make([]event.ID, len(symbols))
	for i, s := range symbols {
		id, err := names.Intern(s)
		if err != nil {
			return nil, fmt.Errorf("load symbols: %w", err)
		}
		out[i] = id
	}
	return out, nil
}
