// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package command reads the command line.
package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/apps"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/node"
)

// ErrHelp says that help was asked for and given.
var ErrHelp = flag.ErrHelp

// Run is what `eventflux-engine run` is told.
type Run struct {
	App      *app.App
	Node     node.Options
	Config   string // eventflux.toml
	Instance string
}

const usage = `eventflux-engine, a stream processor that shows how an engine is instrumented.

  eventflux-engine run [APP.toml] [flags]       run an application; without a file the demo
  eventflux-engine check APP.toml [flags]       say what is wrong with it, or nothing
  eventflux-engine fault KIND[=VALUE] [flags]   make something go wrong in a running engine
  eventflux-engine query PATH [flags]           ask a running engine, as in /tables/symbols

Flags of run and check:

`

// ParseRun reads the arguments of run. Help goes to out; mistakes come back as
// one error.
func ParseRun(args []string, out io.Writer) (Run, error) {
	r := Run{Node: node.DefaultOptions()}
	var file string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		file, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("eventflux-engine", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	set, source := map[string]string{}, sourceFlags{}
	r.bind(flags, set)
	source.bind(flags)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(out, usage)
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return r, err
	}
	if flags.NArg() > 0 {
		return r, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var err error
	if r.App, err = load(file, set); err != nil {
		return r, err
	}
	source.apply(flags, r.App)
	if err := r.App.OnNode(r.Node.Node); err != nil {
		return r, err
	}
	return r, errors.Join(r.App.Validate(), r.Node.Validate())
}

func load(file string, set map[string]string) (*app.App, error) {
	if file == "" {
		return app.Parse(apps.Demo, set)
	}
	return app.Load(file, set)
}

func (r *Run) bind(f *flag.FlagSet, set map[string]string) {
	o := &r.Node
	f.Func("set", "`NAME=VALUE`: change a variable of the application; may be repeated", pair(set))
	f.StringVar(&o.Node, "node", "", "run only the parts of this `node` of the application")
	o.Peers = map[string]string{}
	f.Func("peers", "`NODE=HOST:PORT` of another node; may be repeated", pair(o.Peers))
	f.StringVar(&o.Listen, "listen", o.Listen, "`address` for streams of other nodes")
	f.StringVar(&o.Protocol, "protocol", o.Protocol, "of the links between nodes: grpc or tcp")
	f.StringVar(&o.Control, "control", "", "loopback `address` for on-demand queries and faults; empty is none")
	f.Func("fault", "make `KIND[=VALUE][@START][+DURATION]` go wrong on purpose; may be repeated", func(s string) error {
		o.Faults = append(o.Faults, s)
		return nil
	})
	f.BoolVar(&o.Linger, "linger", false, "stay up after the end of the input until told to stop")
	f.DurationVar(&o.Progress, "progress", 0, "print events and CPU time so far to stderr this often; 0 is never")
	f.DurationVar(&o.Drain, "drain", o.Drain, "how long work may take to finish after the drain period")
	f.DurationVar(&o.DrainPeriod, "drain-period", o.DrainPeriod, "for how long a node that is asked to stop still takes events")
	f.StringVar(&r.Config, "config", "", "read service, telemetry and logging settings from this `eventflux.toml`")
	f.StringVar(&r.Instance, "instance", "", "service.instance.id of this process")
}

// sourceFlags change the sources that the engine reads at its own pace.
type sourceFlags struct {
	rate         float64
	events, seed int64
	duration     time.Duration
}

func (s *sourceFlags) bind(f *flag.FlagSet) {
	f.Float64Var(&s.rate, "rate", 0, "events per second of generators and files; 0 is no limit (default as in the application)")
	f.Int64Var(&s.events, "events", 0, "end their input after so many `events`")
	f.DurationVar(&s.duration, "duration", 0, "end their input after so long")
	f.Int64Var(&s.seed, "seed", 0, "of generators; the same seed gives the same events (default as in the application)")
}

func (s *sourceFlags) apply(f *flag.FlagSet, a *app.App) {
	f.Visit(func(given *flag.Flag) {
		for i := range a.Sources {
			source := &a.Sources[i]
			switch given.Name {
			case "rate":
				source.Rate = app.Float(s.rate)
			case "events":
				source.Events = app.Int(s.events)
			case "duration":
				source.Duration = app.Duration(s.duration)
			case "seed":
				source.Seed = app.Int(s.seed)
			}
		}
	})
}

// pair reads NAME=VALUE into a map.
func pair(into map[string]string) func(string) error {
	return func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("want NAME=VALUE, got %q", text)
		}
		into[name] = value
		return nil
	}
}
