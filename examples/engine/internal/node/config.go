// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package node assembles the demo application: node A turns trades into window
// aggregates, node B turns those into alerts.
package node

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Config is what both nodes can be told. A node ignores what is not its own.
type Config struct {
	// Node A.
	Peer     string        // address of node B
	Replay   string        // CSV file to read; empty: generate trades
	Rate     float64       // events per second; 0: no limit
	Seed     uint64        // of the generator
	Events   int64         // stop after so many; 0: no limit
	Duration time.Duration // stop after so long; 0: no limit
	Filter   string        // expression of price_filter
	Window   time.Duration // of stock_aggregation
	Linger   bool          // stay up after the end of the input

	// Node B.
	Listen    string        // address to listen on
	Sliding   window.Extent // of price_alert
	Threshold float64       // of price_alert, as a share of the mean
	Sink      string        // file for alerts

	// Both.
	Batch       int           // most events per batch of a source
	Symbols     int           // how many symbols are traded; sizes the table of node B
	DrainPeriod time.Duration // how long a node that was asked to stop goes on taking events
	Drain       time.Duration // how long it may take to finish its work after that
	// Hurry is closed to end the drain period at once; nil: never.
	Hurry <-chan struct{}
	// Progress is how often the node tells Stderr how far it is; 0: never.
	Progress time.Duration
	// Stderr hears, in plain words, what an operator must act on; nil: nobody.
	Stderr io.Writer
}

// DefaultConfig returns the configuration of the demo.
func DefaultConfig() Config {
	return Config{
		Peer:      "127.0.0.1:9101",
		Rate:      1000,
		Seed:      1,
		Filter:    "price >= 5.0 && volume > 0",
		Window:    time.Second,
		Listen:    "127.0.0.1:9101",
		Sliding:   window.Extent{Span: 10 * time.Second},
		Threshold: 0.02,
		Sink:      "alerts.jsonl",
		Batch:     64,
		Symbols:   market.DefaultSymbols,
		Drain:     10 * time.Second,
		// What load balancers and orchestrators need to notice.
		DrainPeriod: 5 * time.Second,
	}
}

// maxBatch keeps one batch well below gRPC's limit for a message.
const maxBatch = 8192

// Validate reports every bad value, not only the first.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Rate >= 0, "rate must not be negative, got %v", c.Rate)
	check(c.Events >= 0, "events must not be negative, got %d", c.Events)
	check(c.Duration >= 0, "duration must not be negative, got %s", c.Duration)
	check(c.Window > 0, "window must be positive, got %s", c.Window)
	check(c.Sliding.Span > 0 || c.Sliding.Count > 0, "sliding must be positive")
	check(c.Threshold > 0, "threshold must be positive, got %v", c.Threshold)
	check(c.Batch > 0 && c.Batch <= maxBatch, "batch must be from 1 to %d, got %d", maxBatch, c.Batch)
	check(c.Symbols > 0 && c.Symbols <= maxSymbols, "symbols must be from 1 to %d, got %d", maxSymbols, c.Symbols)
	check(c.Progress >= 0, "progress must not be negative, got %s", c.Progress)
	check(c.DrainPeriod >= 0, "drain-period must not be negative, got %s", c.DrainPeriod)
	check(c.Drain > 0, "drain must be positive, got %s", c.Drain)
	check(c.Peer != "", "peer must not be empty")
	check(c.Listen != "", "listen must not be empty")
	check(c.Sink != "", "sink must not be empty")
	return errors.Join(errs...)
}

// maxSymbols leaves room for names and sectors in the table of interned texts.
const maxSymbols = 20_000
