// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package node runs the part of an application that belongs to one node.
package node

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Options is what a node is told beside its application.
type Options struct {
	Node     string            // name of the node; empty: all of the application runs here
	Peers    map[string]string // addresses of the other nodes, by name
	Listen   string            // where streams of other nodes come in
	Protocol string            // of the links: grpc or tcp
	Control  string            // address for faults and on-demand queries; empty: none
	Faults   []string          // made on purpose; see package fault
	Linger   bool              // stay up after the end of the input
	Version  string            // of the engine

	// DrainPeriod is for how long a node that is asked to stop still takes events.
	DrainPeriod time.Duration
	// Drain is how long it may then take to finish its work.
	Drain time.Duration
	// Hurry, once closed, cuts both short; nil: never.
	Hurry <-chan struct{}
	// Progress is how often the node tells Stderr how far it is; 0: never.
	Progress time.Duration
	// Stderr hears, in plain words, what an operator must act on; nil: nobody.
	Stderr io.Writer
}

// DefaultOptions returns what holds unless a flag says otherwise.
func DefaultOptions() Options {
	return Options{Listen: "127.0.0.1:9101", Protocol: "grpc", DrainPeriod: 5 * time.Second, Drain: 10 * time.Second}
}

// Validate reports every bad value, not only the first.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Drain > 0, "drain must be positive, got %s", o.Drain)
	check(o.DrainPeriod >= 0, "drain-period must not be negative, got %s", o.DrainPeriod)
	check(o.Progress >= 0, "progress must not be negative, got %s", o.Progress)
	check(o.Protocol == "grpc" || o.Protocol == "tcp", "protocol must be grpc or tcp, got %q", o.Protocol)
	return errors.Join(errs...)
}
