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
	"syscall"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/node"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/settings"
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

func main() {
	os.Exit(signalled())
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
	s, err := settings.Parse(args, stdout)
	if errors.Is(err, settings.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: %v\ntry eventflux-engine --help\n", err)
		return exitUsage
	}
	cfg, err := configure(s)
	if err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: %v\n", err)
		return exitUsage
	}
	s.App.Stderr, s.App.Hurry = stderr, hurry
	ctx := context.Background()
	sdk, err := telemetry.Start(ctx, cfg, options(s)...)
	if err != nil {
		fmt.Fprintf(stderr, "eventflux-engine: %v\n", err) // the engine runs without
	}
	code := 0
	if err := runNode(ctx, stop, sdk, s); err != nil {
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

func configure(s settings.Settings) (telemetry.Config, error) {
	cfg := telemetry.DefaultConfig()
	if s.Config != "" {
		var err error
		if cfg, err = telemetry.LoadTOML(s.Config); err != nil {
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

func options(s settings.Settings) []telemetry.Option {
	if s.Instance == "" {
		return nil
	}
	return []telemetry.Option{telemetry.WithInstanceID(s.Instance)}
}

// runner is a node of either kind.
type runner interface {
	Run(ctx, stop context.Context) error
	Close() error
}

func runNode(ctx, stop context.Context, sdk *telemetry.SDK, s settings.Settings) error {
	n, err := newNode(sdk, s)
	if err != nil {
		return err
	}
	return errors.Join(n.Run(ctx, stop), n.Close())
}

func newNode(sdk *telemetry.SDK, s settings.Settings) (runner, error) {
	if s.Node == "a" {
		return node.NewA(sdk, s.App)
	}
	return node.NewB(sdk, s.App)
}
