// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Connections counts the connections of one protocol. All methods are safe for concurrent use, cost one or two
// atomic additions, and are legal on a nil Connections.
type Connections struct {
	handle

	active    *cells.Counter
	succeeded *cells.Counter
	failed    *cells.Counter
	errors    errorCounters
}

// Connections binds connections.active, connections{result} and connection.errors{error.type} for protocol
// ("grpc", "tcp", "http", ...), all from zero. errorTypes is the closed set of error.type; any other type is
// counted as "_OTHER".
func (a *App) Connections(protocol string, errorTypes ...string) *Connections {
	if a == nil {
		return nil
	}
	c := &Connections{}
	a.open(&c.handle, semconv.Protocol(protocol))
	with := func(result semconv.ResultValue) []attribute.KeyValue {
		return slices.Concat(c.attrs, []attribute.KeyValue{semconv.Result(result)})
	}
	c.active = c.total(semconv.ConnectionsActive, c.attrs)
	c.succeeded = c.total(semconv.Connections, with(semconv.ResultSuccess))
	c.failed = c.total(semconv.Connections, with(semconv.ResultFailure))
	c.errors.bind(&c.handle, semconv.ConnectionErrors)
	c.errors.declare(errorTypes...)
	return c
}

// Opened counts a connection that was established: result "success", and one more in connections.active.
func (c *Connections) Opened() {
	if c != nil {
		c.succeeded.Add(1)
		c.active.Add(1)
	}
}

// Closed takes one connection out of connections.active.
func (c *Connections) Closed() {
	if c != nil {
		c.active.Add(-1)
	}
}

// Failed counts an attempt to connect that failed: result "failure", and an error of the given type.
func (c *Connections) Failed(errorType string) {
	if c != nil {
		c.failed.Add(1)
		c.errors.count(errorType)
	}
}

// Error counts an error on an established connection. Call Closed too if the connection is gone.
func (c *Connections) Error(errorType string) {
	if c != nil {
		c.errors.count(errorType)
	}
}

// Close ends the series after one more export; closing the app does so too. Closing twice is fine.
func (c *Connections) Close() {
	if c != nil {
		c.own.close()
	}
}
