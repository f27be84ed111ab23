// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net"
	"net/http"
	"testing"
)

type fakeConn struct {
	net.Conn
	closed bool
}

func (c *fakeConn) Close() error {
	c.closed = true
	return nil
}

func TestOfTooManyConnectionsTheOneGoesThatWaitsLongest(t *testing.T) {
	crowd := Crowd{Max: 3}
	conns := make([]*fakeConn, 6)
	for i := range conns {
		conns[i] = &fakeConn{}
	}
	for _, step := range []struct {
		conn   int
		state  http.ConnState
		victim int // -1 for none
	}{
		{0, http.StateNew, -1},
		{1, http.StateNew, -1},
		{2, http.StateNew, -1},
		{0, http.StateActive, -1},
		{0, http.StateIdle, -1}, // now 1 waits longest
		{3, http.StateNew, 1},
		{1, http.StateClosed, -1},
		{2, http.StateActive, -1},
		{0, http.StateActive, -1},
		{3, http.StateActive, -1},
		{4, http.StateNew, 4}, // all are busy
		{4, http.StateClosed, -1},
		{3, http.StateHijacked, -1},
		{5, http.StateNew, -1},
	} {
		crowd.Note(conns[step.conn], step.state)
		for i, c := range conns {
			if c.closed != (i == step.victim) {
				t.Errorf("%d %s: connection %d closed: %t", step.conn, step.state, i, c.closed)
			}
			c.closed = false
		}
	}
	if busy := crowd.Busy(); busy != 3 {
		t.Errorf("%d busy", busy)
	}
	crowd.Note(conns[2], http.StateIdle)
	if busy := crowd.Busy(); busy != 2 {
		t.Errorf("%d busy after an answer", busy)
	}
	crowd.Note(conns[2], http.StateClosed)
	if busy := crowd.Busy(); busy != 2 {
		t.Errorf("%d busy after an idle one ended", busy)
	}
	if crowd.open != 2 || crowd.idle.Len() != len(crowd.places) {
		t.Errorf("%d open, %d idle, %d places", crowd.open, crowd.idle.Len(), len(crowd.places))
	}
}
