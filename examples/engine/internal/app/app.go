// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package app reads application files: the streams, queries, tables and sinks
// of one stream-processing application, in TOML.
package app

import (
	"fmt"
	"slices"
	"strings"
)

// App is one application. Names are unique within their kind.
type App struct {
	Name    string            `toml:"name"`
	Version string            `toml:"version"`
	Nodes   []string          `toml:"nodes"` // on which parts run; empty: there is one node
	Vars    map[string]string `toml:"vars"`  // defaults of the ${name} in this file

	State        State         `toml:"state"`
	Streams      []Stream      `toml:"streams"`
	Sources      []Source      `toml:"sources"`
	Tables       []Table       `toml:"tables"`
	Aggregations []Aggregation `toml:"aggregations"`
	Triggers     []Trigger     `toml:"triggers"`
	Queries      []Query       `toml:"queries"`
	Sinks        []Sink        `toml:"sinks"`
}

// State says where the application keeps what must survive a restart. Without
// a directory nothing does.
type State struct {
	Dir      string   `toml:"dir"`
	Interval Duration `toml:"interval"` // between two checkpoints
	Timeout  Duration `toml:"timeout"`  // of one checkpoint
}

// Stream is declared if a source or a trigger feeds it, or if it is to behave
// other than the default. Streams that queries write are known by their select.
type Stream struct {
	Name         string   `toml:"name"`
	Columns      []string `toml:"columns"` // "name type"; type is string, double, long or time
	Backpressure string   `toml:"backpressure"`
	Timeout      Duration `toml:"timeout"` // of back-off
	Queue        int      `toml:"queue"`   // batches, per subscriber
	OnError      string   `toml:"on_error"`
}

// Source feeds a stream from outside.
type Source struct {
	Type   string `toml:"type"`
	Stream string `toml:"stream"`
	Node   string `toml:"node"`
	Batch  Int    `toml:"batch"` // most events in one batch

	Rate     Float             `toml:"rate"` // events per second; 0: no limit
	Events   Int               `toml:"events"`
	Duration Duration          `toml:"duration"`
	Seed     Int               `toml:"seed"`
	Values   []string          `toml:"values"`  // generator: what its text columns may say
	Path     string            `toml:"path"`    // csv: the file; http: the path of the URL
	Columns  map[string]string `toml:"columns"` // csv: header by column
	Listen   string            `toml:"listen"`  // http, tcp
}

// Table is a set of rows with a primary key.
type Table struct {
	Name    string     `toml:"name"`
	Type    string     `toml:"type"` // memory or store
	Columns []string   `toml:"columns"`
	Key     string     `toml:"key"`
	Indexes []string   `toml:"indexes"`
	Node    string     `toml:"node"`
	File    string     `toml:"file"` // store: where it is kept
	Cache   int        `toml:"cache"`
	CSV     string     `toml:"csv"` // rows to begin with
	Rows    [][]string `toml:"rows"`
}

// Aggregation keeps sums per time bucket, for on-demand queries.
type Aggregation struct {
	Name   string     `toml:"name"`
	From   string     `toml:"from"` // a stream that a query writes
	Values []string   `toml:"values"`
	By     string     `toml:"by"`
	Per    []Duration `toml:"per"`
	Keep   []Duration `toml:"keep"`
	Lead   Duration   `toml:"lead"` // how far an event may be ahead of the clock; 0: ten minutes
}

// Trigger publishes an event into the stream of its name at certain times.
type Trigger struct {
	Name string `toml:"name"`
	At   string `toml:"at"` // "start", a period such as "5s", or a cron expression
	Node string `toml:"node"`
}

// Query takes a stream, or two, and writes another. Its parts work in the order
// of the fields.
type Query struct {
	ID          string   `toml:"id"`
	Node        string   `toml:"node"`
	From        string   `toml:"from"`
	Filter      string   `toml:"filter"`
	Join        *Join    `toml:"join"`
	Pattern     *Pattern `toml:"pattern"`
	Where       string   `toml:"where"` // after join or pattern
	PartitionBy string   `toml:"partition_by"`
	Window      *Window  `toml:"window"`
	GroupBy     []string `toml:"group_by"`
	Select      []string `toml:"select"`
	Having      string   `toml:"having"` // on what was selected
	Into        string   `toml:"into"`
	IntoTable   string   `toml:"into_table"`
	EmitMetrics []Metric `toml:"emit_metrics"`
}

// Join adds columns of a table, or of a second stream, to each event.
type Join struct {
	Table  string   `toml:"table"`
	Stream string   `toml:"stream"`
	On     string   `toml:"on"` // a column of both sides, or "left == right"
	Within Duration `toml:"within"`
	Type   string   `toml:"type"` // inner, or of a table left_outer
}

// Pattern is an event followed by another.
type Pattern struct {
	First  string   `toml:"first"` // condition on the first event
	Stream string   `toml:"stream"`
	Then   string   `toml:"then"` // condition on the second, of Stream
	By     string   `toml:"by"`
	Within Duration `toml:"within"`
}

// Window says which events are taken together.
type Window struct {
	Type      string   `toml:"type"`
	Size      string   `toml:"size"` // a duration, or a number of events
	Slide     Duration `toml:"slide"`
	Watermark Duration `toml:"watermark"` // how far event time may be out of order
	Late      string   `toml:"late"`      // drop or accept
}

// Metric is a selected column whose values are exported as a metric.
type Metric struct {
	Column string `toml:"column"`
	Name   string `toml:"name"`
	Unit   string `toml:"unit"`
	Total  bool   `toml:"total"`
}

// Sink takes the events of a stream out.
type Sink struct {
	Type    string `toml:"type"`
	Stream  string `toml:"stream"`
	Path    string `toml:"path"`    // file
	URL     string `toml:"url"`     // http
	Message string `toml:"message"` // log
}

// OnNode checks that there is such a node. Without one all of the application
// runs in one place.
func (a *App) OnNode(node string) error {
	if node != "" {
		if !slices.Contains(a.Nodes, node) {
			return fmt.Errorf("application %s has no node %q, only %s", a.Name, node, strings.Join(a.Nodes, ", "))
		}
		return nil
	}
	a.Nodes = nil
	a.placed(func(_ string, node *string) { *node = "" })
	return nil
}

// placed visits everything that has a node of its own.
func (a *App) placed(visit func(what string, node *string)) {
	for i := range a.Sources {
		visit("the source of stream "+a.Sources[i].Stream, &a.Sources[i].Node)
	}
	for i := range a.Tables {
		visit("table "+a.Tables[i].Name, &a.Tables[i].Node)
	}
	for i := range a.Triggers {
		visit("trigger "+a.Triggers[i].Name, &a.Triggers[i].Node)
	}
	for i := range a.Queries {
		visit("query "+a.Queries[i].ID, &a.Queries[i].Node)
	}
}
