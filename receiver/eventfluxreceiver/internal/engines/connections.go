// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import "time"

// Connection names one connection of a server. It is unique in the life of a
// registry. Zero stands for none whose end would mean anything.
type Connection uint64

// maxConnections bounds the connections remembered for one engine. An SDK has
// one for each signal.
const maxConnections = 8

// connection is an open connection and the engines heard on it. Once a second
// engine was heard there, an agent or a proxy stands between, and neither its
// life nor its end says anything of an engine.
type connection struct {
	engine *engine
	shared bool
	// The process that sends its metrics over it, since when, and whether another
	// live one uses the identity, too.
	process  Process
	since    time.Time
	conflict bool
}

// Heard records that something arrived from id itself, with no agent between, and
// over which open connection; zero stands for one whose end means nothing. It does
// nothing for senders that are not on the list.
func (r *Registry) Heard(id Identity, on Connection, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return
	}
	e := el.Value.(*engine)
	e.direct = now
	if on == 0 {
		return
	}
	c, known := r.connections[on]
	switch {
	case !known && len(e.connections) < maxConnections:
		r.connections[on] = &connection{engine: e}
		e.connections = append(e.connections, on)
	case known && c.engine != e && !c.shared:
		c.shared = true
		c.engine.drop(on)
	}
}

// Ended records the end of a connection. When it was the last one of an engine,
// and conclusive says that it did not end by the server's own wish, the engine
// has Grace to come back before it counts as lost. Ending twice does nothing.
func (r *Registry) Ended(on Connection, conclusive bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if conclusive {
		r.silence(on, now)
	}
	delete(r.reporters, on)
	c, ok := r.connections[on]
	if !ok {
		return
	}
	delete(r.connections, on)
	if c.shared {
		return
	}
	c.engine.drop(on)
	if conclusive && len(c.engine.connections) == 0 {
		c.engine.disconnected = now
		r.changed = true
	}
}

func (e *engine) drop(on Connection) {
	for i, c := range e.connections {
		if c == on {
			e.connections = append(e.connections[:i], e.connections[i+1:]...)
			return
		}
	}
}
