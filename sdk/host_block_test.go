// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// brokenBackend is something that telemetry is sent to and that does not take it, until it is stopped.
type brokenBackend struct {
	name  string
	begin func(*testing.T) (endpoint string, stop func())
}

var brokenBackends = []brokenBackend{
	{"refuses connections", func(*testing.T) (string, func()) { return "127.0.0.1:1", func() {} }},
	{"never accepts", listening(nil)},
	{"accepts and never answers", listening(func(c net.Conn, _ <-chan struct{}) { _, _ = io.Copy(io.Discard, c) })},
	{"accepts and never reads", listening(func(_ net.Conn, over <-chan struct{}) { <-over })},
	{"answers a byte at a time", listening(trickle)},
	{"has a name that no resolver answers for", func(t *testing.T) (string, func()) {
		t.Helper()
		over := make(chan struct{})
		unanswered.Store(&over)
		t.Cleanup(func() { unanswered.Store(nil) })
		return "collector.example:4317", func() { close(over) }
	}},
}

// unanswered is what resolvers wait for in vain; nil if they are asked as always. The
// resolver itself is set once, before all tests: connections that are given up still read it.
var unanswered atomic.Pointer[chan struct{}]

func dialResolver(ctx context.Context, network, address string) (net.Conn, error) {
	over := unanswered.Load()
	if over == nil {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-*over:
		return nil, net.ErrClosed
	}
}

func listening(serve func(c net.Conn, over <-chan struct{})) func(*testing.T) (string, func()) {
	return func(t *testing.T) (string, func()) {
		t.Helper()
		return listen(t, serve)
	}
}

// listen opens a port and serves its connections until it is stopped; without serve nobody accepts them.
func listen(t *testing.T, serve func(c net.Conn, over <-chan struct{})) (endpoint string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	over := make(chan struct{})
	var running sync.WaitGroup
	if serve != nil {
		running.Go(func() {
			for c, err := listener.Accept(); err == nil; c, err = listener.Accept() {
				running.Go(func() { serve(c, over) })
				running.Go(func() { <-over; _ = c.Close() })
			}
		})
	}
	return listener.Addr().String(), func() {
		_ = listener.Close()
		close(over)
		running.Wait()
	}
}

// trickle answers HTTP, very slowly.
func trickle(c net.Conn, over <-chan struct{}) {
	go func() { _, _ = io.Copy(io.Discard, c) }()
	slowly := time.NewTicker(20 * time.Millisecond)
	defer slowly.Stop()
	for i := 0; ; i++ {
		const answer = "HTTP/1.1 200 OK\r\nX-Padding: "
		next := byte('x')
		if i < len(answer) {
			next = answer[i]
		}
		select {
		case <-slowly.C:
			if _, err := c.Write([]byte{next}); err != nil {
				return
			}
		case <-over:
			return
		}
	}
}

// everythingTraced is a configuration under which the queues fill fast.
func everythingTraced() Config {
	return Config{
		Level:   Detail,
		Traces:  Traces{PerQuery: 1e9, Total: 1e9},
		Logging: Logging{PerSite: -1},
		Export:  Export{Insecure: true, Timeout: 300 * time.Millisecond},
	}
}

// batches is how many batches an engine works on while something is broken.
const batches = 10_000

// timedWork does what an engine does, and returns what a batch cost it in the median, and in total.
func timedWork(sdk *SDK) (median, total time.Duration) {
	q := sdk.App("orders").Query("q1")
	in, out, w := q.Input("In"), q.Output("Out"), q.Worker()
	each := make([]time.Duration, batches)
	begun := time.Now()
	for i := range each {
		began := time.Now()
		b := w.Begin(context.Background(), Arrival{Count: 2, Stream: "In"})
		s := b.Span(StageFilter)
		s.End()
		b.Processed(in, 2)
		b.Emitted(out, 1)
		w.Logger().InfoContext(b.Context(), "batch done")
		b.End()
		each[i] = time.Since(began)
	}
	total = time.Since(begun)
	slices.Sort(each)
	return each[batches/2], total
}

// assertUnhurt works and shuts down, and checks that neither took long and that nothing is left.
func assertUnhurt(t *testing.T, sdk *SDK, deadline time.Duration) {
	t.Helper()
	median, total := timedWork(sdk)
	assert.Less(t, median, 200*time.Microsecond, "the median batch")
	assert.Less(t, total, 5*time.Second, "all batches")

	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	begun := time.Now()
	_ = sdk.ForceFlush(ctx)
	_ = sdk.Shutdown(ctx)
	assert.Less(t, time.Since(begun), deadline+time.Second)
}

func TestABrokenBackendCostsTheEngineNothing(t *testing.T) {
	for _, backend := range brokenBackends {
		for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
			t.Run(protocol+" "+backend.name, func(t *testing.T) {
				before := goleak.IgnoreCurrent()
				endpoint, stop := backend.begin(t)
				sdk, err := Start(t.Context(), everythingTraced(), WithEndpoint("http://"+endpoint), WithProtocol(protocol),
					WithMetricInterval(10*time.Millisecond), WithLogWriter(io.Discard), WithErrorHandler(func(error) {}))
				require.NoError(t, err)
				assertUnhurt(t, sdk, 300*time.Millisecond)
				stop()
				goleak.VerifyNone(t, before)

				p := sdk.providers
				assert.Equal(t, uint64(2*batches), p.spans.queue.Dropped()+p.flows.traces.failed.Load(), "every span is accounted for")
				assert.Less(t, uint64(batches), p.records.queue.Dropped()+p.flows.logs.failed.Load(), "every record is accounted for")
				assert.Zero(t, p.flows.traces.sent.Load()+p.flows.logs.sent.Load())
			})
		}
	}
}

// hanging is a writer whose Write returns only when it is let go.
type hanging chan struct{}

func (h hanging) Write(p []byte) (int, error) { <-h; return len(p), nil }

func TestABrokenLogOutputCostsTheEngineNothing(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(t *testing.T) (opts []Option, output string, release func())
		lost  string
	}{
		"disk full": {begin: func(t *testing.T) ([]Option, string, func()) {
			t.Helper()
			if _, err := os.Stat("/dev/full"); err != nil {
				t.Skip("there is no /dev/full")
			}
			return nil, "/dev/full", func() {}
		}, lost: "failed"},
		"writer that hangs": {begin: func(*testing.T) ([]Option, string, func()) {
			w := make(hanging)
			return []Option{WithLogWriter(w)}, "", func() { close(w) }
		}},
		"stdout that nobody reads": {begin: func(t *testing.T) ([]Option, string, func()) {
			t.Helper()
			r, w, err := os.Pipe()
			require.NoError(t, err)
			whole := os.Stdout
			os.Stdout = w
			return nil, "stdout", func() {
				os.Stdout = whole
				require.NoError(t, r.Close())
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			opts, output, release := test.begin(t)
			cfg := everythingTraced()
			cfg.Level, cfg.Logging.Output = Off, output
			sdk, err := Start(t.Context(), cfg, append(opts, WithErrorHandler(func(error) {}))...)
			require.NoError(t, err)
			assertUnhurt(t, sdk, 200*time.Millisecond)
			if test.lost == "failed" {
				assert.Equal(t, uint64(batches), sdk.losses.dropped.failed.Load(), "every line is counted")
			}
			release()
			goleak.VerifyNone(t, before)
		})
	}
}
