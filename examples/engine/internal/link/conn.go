// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package link joins two nodes: the client is a sink, the server a source.
// Delivery is at least once on the wire; the server drops what it already has.
package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// The values of error.type in connection metrics.
const (
	errorRefused     = "refused"     // nobody listens there
	errorTimeout     = "timeout"     // no answer in time
	errorReset       = "reset"       // the peer broke the connection off
	errorUnavailable = "unavailable" // anything else: no route, no such host, peer gone
)

// connections binds the connection metrics that both ends of a link report.
func connections(app *telemetry.App) *telemetry.Connections {
	return app.Connections(protocol, errorRefused, errorTimeout, errorReset, errorUnavailable)
}

func classify(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return errorRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errorReset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errorTimeout
	default:
		return errorUnavailable
	}
}

// counts are the connections of one end, as metrics and as a number.
type counts struct {
	*telemetry.Connections

	open atomic.Int64
}

// Opened shadows the one of Connections.
func (c *counts) Opened() {
	c.open.Add(1)
	c.Connections.Opened()
}

// Closed shadows the one of Connections.
func (c *counts) Closed() {
	c.open.Add(-1)
	c.Connections.Closed()
}

// dialer counts every attempt to connect.
func dialer(counts *counts) func(context.Context, string) (net.Conn, error) {
	var d net.Dialer
	return func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			counts.Failed(classify(err))
			return nil, err
		}
		counts.Opened()
		// Whoever dialled wants the connection to stay, so its end is an error.
		return &conn{Conn: c, counts: counts, endIsError: true}, nil
	}
}

// listener counts every connection that is accepted.
type listener struct {
	net.Listener
	counts *counts
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.counts.Opened()
	return &conn{Conn: c, counts: l.counts}, nil
}

// conn counts its end, and the error that led to it, once each.
type conn struct {
	net.Conn
	counts     *counts
	endIsError bool // the peer may not close

	closed sync.Once
	broken sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.judge(err)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.judge(err)
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.closed.Do(c.counts.Closed)
	return c.Conn.Close()
}

func (c *conn) judge(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed): // closed by this side
	case errors.Is(err, io.EOF) && !c.endIsError:
	default:
		c.broken.Do(func() { c.counts.Error(classify(err)) })
	}
}
