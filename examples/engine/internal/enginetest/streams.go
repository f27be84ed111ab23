// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"slices"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// The streams, in the order in which events pass them in the demo.
var (
	// Stock is one trade per event.
	Stock = &event.Schema{Stream: "StockStream", Columns: trade}
	// Filtered is Stock after price_filter.
	Filtered = &event.Schema{Stream: "FilteredStream", Columns: trade}
	// TradeRate is one event per timer window; event time is when it closed.
	TradeRate = &event.Schema{Stream: "TradeRateStream", Columns: []event.Column{
		{Name: "trades", Type: event.Int},
		{Name: "volume", Type: event.Int},
		{Name: "avg_price", Type: event.Float},
		{Name: "per_second", Type: event.Float},
	}}
	// Aggregate is one event per window and symbol; event time is the window's end.
	Aggregate = &event.Schema{Stream: "AggregateStream", Columns: aggregate}
	// Enriched is Aggregate with what is known about the symbol.
	Enriched = &event.Schema{Stream: "EnrichedStream", Columns: append(slices.Clip(aggregate),
		event.Column{Name: "name", Type: event.Symbol},
		event.Column{Name: "sector", Type: event.Symbol},
	)}
	// Alert is one event per window result that left the sliding mean.
	Alert = &event.Schema{Stream: "AlertStream", Columns: []event.Column{
		{Name: "symbol", Type: event.Symbol},
		{Name: "name", Type: event.Symbol},
		{Name: "sector", Type: event.Symbol},
		{Name: "avg", Type: event.Float},
		{Name: "mean", Type: event.Float},
		{Name: "deviation", Type: event.Float},
		{Name: "results", Type: event.Int},
	}}
)

var trade = []event.Column{
	{Name: "symbol", Type: event.Symbol},
	{Name: "price", Type: event.Float},
	{Name: "volume", Type: event.Int},
}

var aggregate = []event.Column{
	{Name: "symbol", Type: event.Symbol},
	{Name: "window_start", Type: event.Time},
	{Name: "avg", Type: event.Float},
	{Name: "sum", Type: event.Float},
	{Name: "count", Type: event.Int},
	{Name: "min", Type: event.Float},
	{Name: "max", Type: event.Float},
}
