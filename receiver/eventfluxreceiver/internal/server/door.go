// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// generation is a gRPC server and how many connections it has.
type generation struct {
	*grpc.Server
	connections atomic.Int64
}

// settle is what a connection gets that was accepted in the moment in which its
// server was to stop: a server that stops closes what it has not begun to serve.
const settle = 100 * time.Millisecond

// door is a port with one gRPC server after another behind it. gRPC can ask
// clients to leave only by stopping the server that they are connected to. So a
// second one takes over the port, and the first one stops when its clients are gone.
type door struct {
	open   func(context.Context) (*generation, error)
	failed func(error)
	hand   *hand

	serving sync.WaitGroup // servers that stop when they are told to
	mu      sync.Mutex
	first   *generation // that was told to let go, nil before
	current *generation
	lease   *lease
	stopped bool
}

func newDoor(ln net.Listener, open func(context.Context) (*generation, error), failed func(error)) *door {
	return &door{open: open, failed: failed, hand: newHand(ln)}
}

// serve makes g the current server.
func (d *door) serve(g *generation) {
	d.current, d.lease = g, &lease{hand: d.hand, ended: make(chan struct{})}
	l := d.lease
	d.serving.Go(func() {
		if err := g.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, net.ErrClosed) {
			d.failed(err)
		}
	})
}

// letGo returns how many connections the first server still has.
func (d *door) letGo(ctx context.Context) (left int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.first != nil:
		return d.first.connections.Load(), nil
	case d.stopped:
		return 0, nil
	}
	next, err := d.open(ctx)
	if err != nil {
		return 0, err
	}
	before := d.lease
	d.first = d.current
	d.serve(next)
	_ = before.Close() // has no error
	first := d.first
	d.serving.Go(func() {
		time.Sleep(settle)
		first.GracefulStop()
	})
	return first.connections.Load(), nil
}

// shutdown stops all servers, gracefully until ctx ends.
func (d *door) shutdown(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.current.GracefulStop()
		d.serving.Wait()
	}()
	err := d.hand.Close()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		// Stop closes the connections. It is not waited for: while GracefulStop
		// waits for a handler it holds a lock that Stop needs, and a handler may
		// hang for ever.
		go d.current.Stop()
		if d.first != nil {
			go d.first.Stop()
		}
		return fmt.Errorf("gRPC requests still in flight were cut off: %w", ctx.Err())
	}
}
