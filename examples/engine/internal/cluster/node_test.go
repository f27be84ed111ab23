// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
)

// interval is short, and still long next to what a busy machine needs to answer.
const interval = 50 * time.Millisecond

// text is a log that can be read while it is written.
type text struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *text) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.String(), s)
}

// start runs a node and, if it listens, its server; stop ends both.
func start(t *testing.T, name, listen, protocol string, peers map[string]string) (n *Node, log *text, stop func()) {
	t.Helper()
	log = &text{}
	n, err := New(Config{Self: name, Peers: peers, Protocol: protocol, Interval: interval, Offline: 10 * interval}, nil,
		slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	if listen != "" {
		s, err := link.Listen(listen, protocol, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Beats = n.Heard
		running.Go(func() {
			if err := s.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
		context.AfterFunc(ctx, func() { s.Stop(ctx) })
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return n, log, stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	every(ctx, interval/5, func() {
		if is() {
			cancel()
		}
	})
	if !is() {
		t.Fatal("it never came to be that " + what)
	}
}

// address is one that is free.
func address(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	return lis.Addr().String()
}

func TestNodesFindALeaderAndNoticeALostOne(t *testing.T) {
	for _, protocol := range []string{link.GRPC, link.TCP} {
		t.Run(protocol, func(t *testing.T) {
			onA, onB := address(t), address(t)
			a, logA, _ := start(t, "a", onA, protocol, map[string]string{"b": onB})
			b, logB, stopB := start(t, "b", onB, protocol, map[string]string{"a": onA})
			eventually(t, "both know the leader", func() bool { return a.View().Leader == "a" && b.View().Leader == "a" && b.View().Leader != "b" })
			eventually(t, "b tells of the leader", func() bool { return logB.has("leader=a") })
			stopB()
			eventually(t, "b is offline", func() bool { return a.View().Nodes["b"] == semconv.NodeStateOffline })
			if a.View().Leader != "a" || a.View().Status != semconv.ClusterPartitionStatusMinorPartition || a.View().Missed < 3 {
				t.Errorf("a sees %+v", a.View())
			}
			eventually(t, "the logs tell", func() bool {
				return logA.has("node b is offline") && logA.has("cluster is minor_partition")
			})
		})
	}
}

func TestANodeThatOnlyCallsIsAMemberToo(t *testing.T) {
	onB := address(t)
	a, _, _ := start(t, "a", "", link.TCP, map[string]string{"b": onB})
	b, _, _ := start(t, "b", onB, link.TCP, map[string]string{"a": ""})
	eventually(t, "both know the leader", func() bool { return a.View().Leader == "a" && b.View().Leader == "a" })
	if got := b.View().Nodes["a"]; got != semconv.NodeStateHealthy {
		t.Errorf("a is %s for b", got)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	if _, err := New(Config{Self: "a", Peers: map[string]string{"b": "nowhere"}, Protocol: link.TCP}, nil, slog.Default()); err == nil {
		t.Error("accepted")
	}
}
