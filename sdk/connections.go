// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// Connections counts the connections of one protocol. All methods are safe for concurrent use, cost one or two
// atomic additions, and are legal on a nil Connections.
type Connections struct {
	own       bindings
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
	c, key := &Connections{}, keyProtocol.String(protocol)
	registry := a.sdk.registry
	var release func()
	c.active, release = registry.Counter(connectionsActive, key)
	c.own.release(release)
	c.succeeded, release = registry.Counter(connectionsTotal, key, keyResult.String("success"))
	c.own.release(release)
	c.failed, release = registry.Counter(connectionsTotal, key, keyResult.String("failure"))
	c.own.release(release)
	c.errors.bind(registry, connectionErrors, &c.own, key)
	c.errors.declare(errorTypes...)
	a.own.adopt(&c.own)
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
