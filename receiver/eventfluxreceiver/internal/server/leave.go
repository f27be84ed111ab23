// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// NotReady makes the servers' own health say so. Everything is served as before.
func (s *Server) NotReady() {
	s.leave.Do(func() { close(s.away) })
}

// LetGo asks senders to go elsewhere and serves those that come all the same:
// every gRPC connection that is open now gets a GOAWAY, and every HTTP answer from
// now on ends its connection. It returns how many connections are still open that
// have not gone. It may be called again, and does not block.
//
// An error means that gRPC connections stay as they are.
func (s *Server) LetGo(ctx context.Context) (left int64, err error) {
	if s.door != nil {
		left, err = s.door.letGo(ctx)
	}
	s.exit.leaving.Store(true)
	return left + s.exit.connections.Load(), err
}

// exit ends the connections of an HTTP server without a moment at which a request
// could be lost: with an answer. Those that are idle stay, as a request may be on
// its way; that is why the server's keep-alive is not switched off, which closes them.
type exit struct {
	leaving     atomic.Bool
	connections atomic.Int64
}

func (e *exit) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.leaving.Load() {
			w.Header().Set("Connection", "close") // over HTTP/2 it becomes a GOAWAY
		}
		next.ServeHTTP(w, r)
	})
}

func (e *exit) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		e.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		e.connections.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// hand passes what one goroutine accepts to whoever listens at the moment.
type hand struct {
	net.Listener
	accepted chan net.Conn
	failed   chan struct{} // closed when nothing is accepted any more
	err      error         // why, after that
	closing  sync.Once
	closed   chan struct{}
}

func newHand(ln net.Listener) *hand {
	h := &hand{Listener: ln, accepted: make(chan net.Conn), failed: make(chan struct{}), closed: make(chan struct{})}
	go h.accept()
	return h
}

// accept ends with the listener, and not because files are short for a while.
func (h *hand) accept() {
	defer close(h.failed)
	wait := time.Duration(0)
	for {
		c, err := h.Accept()
		if temporary := (interface{ Temporary() bool })(nil); errors.As(err, &temporary) && temporary.Temporary() {
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(wait):
			case <-h.closed:
			}
			continue
		}
		if err != nil {
			h.err = err
			return
		}
		wait = 0
		select {
		case h.accepted <- c:
		case <-h.closed:
			_ = c.Close() // it came too late
		}
	}
}

// Close ends the listener and waits until nothing is accepted any more.
func (h *hand) Close() error {
	var err error
	h.closing.Do(func() {
		close(h.closed)
		err = h.Listener.Close()
	})
	<-h.failed
	return err
}

// lease is the listener of one server. Its end leaves the port open.
type lease struct {
	*hand
	ending sync.Once
	ended  chan struct{}
}

// Accept implements [net.Listener].
func (l *lease) Accept() (net.Conn, error) {
	select {
	case <-l.ended:
		return nil, net.ErrClosed
	default:
	}
	select {
	case <-l.ended:
		return nil, net.ErrClosed
	case c := <-l.accepted:
		return c, nil
	case <-l.failed:
		return nil, l.err
	}
}

// Close implements [net.Listener].
func (l *lease) Close() error {
	l.ending.Do(func() { close(l.ended) })
	return nil
}
