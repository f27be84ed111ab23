// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package settings turns the command line into a configuration.
package settings

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/node"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// Settings is what the command line says.
type Settings struct {
	Node     string // "a" or "b"
	Config   string // path of eventflux.toml; empty: none
	Instance string // service.instance.id; empty: from the environment or the file
	App      node.Config
}

// ErrHelp says that help was asked for and printed.
var ErrHelp = flag.ErrHelp

const usage = `eventflux-engine, a small stream processor that shows how an engine is instrumented.

  eventflux-engine --node b [--listen ADDR] [--sink FILE] ...
  eventflux-engine --node a [--peer ADDR] [--rate N | --replay FILE] ...

Start node b first, or later: node a waits for it.

`

// Parse reads args. Help goes to out; mistakes come back as one error.
func Parse(args []string, out io.Writer) (Settings, error) {
	s := Settings{App: node.DefaultConfig()}
	flags := flag.NewFlagSet("eventflux-engine", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	s.bind(flags)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(out, usage)
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.Node != "a" && s.Node != "b" {
		return s, fmt.Errorf("--node must be a or b, got %q", s.Node)
	}
	if s.App.Replay != "" && !given(flags, "rate") {
		s.App.Rate = 0
	}
	return s, s.App.Validate()
}

func (s *Settings) bind(f *flag.FlagSet) {
	c := &s.App
	f.StringVar(&s.Node, "node", "", "which node to be: a (source, filter, windows) or b (join, alerts)")
	f.StringVar(&s.Config, "config", "", "read service, telemetry and logging settings from this `eventflux.toml`")
	f.StringVar(&s.Instance, "instance", "", "service.instance.id of this process")

	f.StringVar(&c.Peer, "peer", c.Peer, "node a: `address` of node b")
	f.StringVar(&c.Replay, "replay", "", "node a: read bars from this CSV `file`, plain or gzip, instead of generating trades")
	f.Float64Var(&c.Rate, "rate", c.Rate, "node a: events per second; 0 is no limit, which is also the default of --replay")
	f.Uint64Var(&c.Seed, "seed", c.Seed, "node a: seed of the generator; the same seed gives the same trades")
	f.Int64Var(&c.Events, "events", 0, "node a: end the input after so many events; 0 is no limit")
	f.DurationVar(&c.Duration, "duration", 0, "node a: end the input after so long; 0 is no limit")
	f.StringVar(&c.Filter, "filter", c.Filter, "node a: `expression` of price_filter over symbol, price and volume")
	f.DurationVar(&c.Window, "window", c.Window, "node a: window of stock_aggregation, in event time")
	f.BoolVar(&c.Linger, "linger", false, "node a: stay up after the end of the input until told to stop")

	f.StringVar(&c.Listen, "listen", c.Listen, "node b: `address` to listen on")
	f.Var((*extent)(&c.Sliding), "sliding", "node b: window of price_alert per symbol, as a `duration` in event time or a number of results")
	f.Float64Var(&c.Threshold, "threshold", c.Threshold, "node b: alert when an average is off the sliding mean by more than this share")
	f.StringVar(&c.Sink, "sink", c.Sink, "node b: append alerts to this `file`, as JSON lines")

	f.IntVar(&c.Batch, "batch", c.Batch, "most events in one batch of a source")
	f.IntVar(&c.Symbols, "symbols", c.Symbols, "how many symbols are traded; give both nodes the same number")
	f.DurationVar(&c.Progress, "progress", 0, "print events and CPU time so far to stderr this often; 0 is never")
	f.DurationVar(&c.DrainPeriod, "drain-period", c.DrainPeriod, "how long to go on taking events after a signal; 0 is not at all")
	f.DurationVar(&c.Drain, "drain", c.Drain, "how long work may take to finish after the drain period")
}

func given(f *flag.FlagSet, name string) (found bool) {
	f.Visit(func(g *flag.Flag) { found = found || g.Name == name })
	return found
}

// extent reads "10s" as a span and "20" as a count.
type extent window.Extent

// String implements flag.Value.
func (e *extent) String() string {
	if e.Count > 0 {
		return strconv.Itoa(e.Count)
	}
	return e.Span.String()
}

// Set implements flag.Value.
func (e *extent) Set(s string) error {
	if n, err := strconv.Atoi(s); err == nil {
		if n <= 0 || n > window.MaxPerKey {
			return fmt.Errorf("want 1 to %d results", window.MaxPerKey)
		}
		*e = extent{Count: n}
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("want a positive duration such as 10s, or a number of results")
	}
	*e = extent{Span: d}
	return nil
}
