// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// hole is a proxy that can swallow everything, in both directions, while all its
// connections stay open: as a cable that was pulled, or a firewall that drops.
type hole struct {
	ln     net.Listener
	to     string
	closed atomic.Bool

	mu    sync.Mutex
	conns []net.Conn
}

func newHole(t *testing.T, to string) *hole {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := &hole{ln: ln, to: to}
	var serving sync.WaitGroup
	serving.Go(func() { h.serve(&serving) })
	t.Cleanup(func() {
		_ = ln.Close()
		h.mu.Lock()
		for _, c := range h.conns {
			_ = c.Close()
		}
		h.mu.Unlock()
		serving.Wait()
	})
	return h
}

func (h *hole) serve(serving *sync.WaitGroup) {
	for {
		near, err := h.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", h.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		h.mu.Lock()
		h.conns = append(h.conns, near, far)
		h.mu.Unlock()
		serving.Go(func() { h.copy(far, near) })
		serving.Go(func() { h.copy(near, far) })
	}
}

// copy goes on reading when it has stopped to write, so that nobody notices by a
// full window. The end of one side is not told to the other then either.
func (h *hole) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			break
		}
		if h.closed.Load() {
			continue
		}
		if _, err = to.Write(buf[:n]); err != nil {
			break
		}
	}
	if !h.closed.Load() {
		_ = to.Close()
		_ = from.Close()
		return
	}
	_, _ = io.Copy(io.Discard, from)
}

// No packet says that anything is wrong. The keep-alive of the receiver finds out.
func TestAnEngineInABlackHoleIsDown(t *testing.T) {
	t.Parallel()
	c := run.StartCollector(t, "standalone", nil)
	h := newHole(t, c.Endpoint())
	run.NewEngine{Endpoint: h.ln.Addr().String(), A: []string{"--rate", "20"}}.Start(t)
	waitUp(t, c, "node-a", 1)
	waitUp(t, c, "node-b", 1)

	h.closed.Store(true)
	waitUp(t, c, "node-a", 0)
	waitUp(t, c, "node-b", 0)
	eventuallyUnhealthy(t, c)
	code, body := c.Probe("/live?engine=node-a")
	assert.Equal(t, 503, code, body)
}

func eventuallyUnhealthy(t *testing.T, c *run.Collector) {
	t.Helper()
	run.Eventually(t, "/health is 503: no engine is left", func() bool {
		code, _ := c.Probe("/health")
		return code == 503
	})
}
