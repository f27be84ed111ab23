// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Crowd bounds the connections of a server so that a prober always gets in: of too
// many, the one goes that has been without a request for longest.
type Crowd struct {
	// Max is how many may be open.
	Max int

	mu     sync.Mutex
	open   int
	idle   list.List // of net.Conn without a request, longest first
	places map[net.Conn]*list.Element
	served map[net.Conn]struct{} // of those, the ones that had one
}

// Busy returns how many connections have a request, or have yet to send their first.
func (c *Crowd) Busy() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open - len(c.served)
}

// Note is told the states of connections, as [http.Server.ConnState].
func (c *Crowd) Note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
		if c.open > c.Max {
			c.evict(conn)
		}
		c.wait(conn)
	case http.StateActive:
		c.leave(conn)
	case http.StateIdle:
		c.wait(conn)
		c.served[conn] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		c.leave(conn)
		c.open--
	}
}

// evict closes the connection that waits longest; if all are busy, the newcomer.
func (c *Crowd) evict(newcomer net.Conn) {
	victim := newcomer
	if longest := c.idle.Front(); longest != nil {
		victim = longest.Value.(net.Conn)
	}
	c.leave(victim)
	if encrypted, ok := victim.(*tls.Conn); ok {
		victim = encrypted.NetConn() // without a goodbye, for which it might wait
	}
	_ = victim.Close() // its server notices
}

func (c *Crowd) wait(conn net.Conn) {
	if c.places == nil {
		c.places = map[net.Conn]*list.Element{}
		c.served = map[net.Conn]struct{}{}
	}
	c.leave(conn)
	c.places[conn] = c.idle.PushBack(conn)
}

func (c *Crowd) leave(conn net.Conn) {
	delete(c.served, conn)
	if place, waits := c.places[conn]; waits {
		c.idle.Remove(place)
		delete(c.places, conn)
	}
}
