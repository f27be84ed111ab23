// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command eventflux-engine is the reference engine: a small stream processor
// that reports on itself through the EventFlux SDK. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/command"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/node"
)

// version is the engine's own, service.version unless configured otherwise.
// The build sets it to that of the distribution.
var version = "0.1.0-dev"

// flushTimeout bounds how long the last telemetry may take to leave.
const flushTimeout = 5 * time.Second

const (
	exitFailed = 1
	exitUsage  = 2
)

// heapGrowth is the GOGC of an engine whose environment does not set it. What is left of events is garbage at once, so
// a small engine lives at Go's smallest heap, which at 100 is 4 MB: at batches of 64 events it is collected after every
// 570 of them, and each time all that stays is marked, the series of the telemetry included. At 400 it is 16 MB.
const heapGrowth = 400

func main() {
	growHeap()
	os.Exit(signalled())
}

// growHeap makes the collector run less often, unless GOGC says how often.
func growHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

// signalled runs the program until it ends or is asked to. A second signal cuts
// the drain period short, a third ends the program at once.
func signalled() int {
	stop, cancel := context.WithCancel(context.Background())
	defer cancel()
	hurry := make(chan struct{})
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "eventflux-engine: second signal, finishing now")
		close(hurry)
		<-signals
		fmt.Fprintln(os.Stderr, "eventflux-engine: third signal, exiting at once")
		os.Exit(exitFailed)
	}()
	return run(stop, hurry, os.Args[1:], os.Stdout, os.Stderr)
}

// run is the whole program; stop asks it to finish, hurry to take no time over it.
func run(stop context.Context, hurry <-chan struct{}, args []string, stdout, stderr io.Writer) int {
	verb := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	var err error
	switch verb {
	case "run":
		return runApp(stop, hurry, args, stdout, stderr)
	case "check":
		_, err = command.ParseRun(args, stdout)
	case "fault", "query":
		err = command.Ask(verb, args, stdout)
	default:
		err = fmt.Errorf("there is no command %q, only run, check, fault and query", verb)
	}
	return usage(err, stderr)
}

// usage reports a mistake of whoever started the program.
func usage(err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, command.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "eventflux-engine: %v\ntry eventflux-engine --help\n", err)
	return exitUsage
}

func runApp(stop context.Context, hurry <-chan struct{}, args []string, stdout, stderr io.Writer) int {
	r, err := command.ParseRun(args, stdout)
	if err != nil {
		return usage(err, stderr)
	}
	cfg, err := configure(r)
	if err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: %v\n", err)
		return exitUsage
	}
	r.Node.Stderr, r.Node.Hurry, r.Node.Version = stderr, hurry, version
	ctx := context.Background()
	sdk, err := telemetry.Start(ctx, cfg, options(r)...)
	if err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: %v\n", err) // the engine runs without
	}
	code := 0
	if err := runNode(ctx, stop, sdk, r); err != nil {
		sdk.Logger().ErrorContext(ctx, "engine failed", "error", err.Error())
		fmt.Fprintf(stderr, "eventflux-engine: %v\n", err)
		code = exitFailed
	}
	flush, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := sdk.Shutdown(flush); err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: the last telemetry was not delivered: %v\n", err)
	}
	return code
}

func configure(r command.Run) (telemetry.Config, error) {
	cfg := telemetry.DefaultConfig()
	if r.Config != "" {
		var err error
		if cfg, err = telemetry.LoadTOML(r.Config); err != nil {
			return cfg, err
		}
	}
	if cfg.Service.Name == telemetry.DefaultConfig().Service.Name {
		cfg.Service.Name = "eventflux-engine"
	}
	if cfg.Service.Version == "" {
		cfg.Service.Version = version
	}
	return cfg, nil
}

func options(r command.Run) []telemetry.Option {
	if r.Instance == "" {
		return nil
	}
	return []telemetry.Option{telemetry.WithInstanceID(r.Instance)}
}

func runNode(ctx, stop context.Context, sdk *telemetry.SDK, r command.Run) error {
	n, err := node.New(sdk, r.App, r.Node)
	if err != nil {
		return err
	}
	return errors.Join(n.Run(ctx, stop), n.Close())
}
