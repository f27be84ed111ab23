// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/window"
)

// running is a node that works in the background of a test.
type running struct {
	stop context.CancelFunc
	done chan error
}

func start(run func(ctx, stop context.Context) error) running {
	stop, cancel := context.WithCancel(context.Background())
	r := running{cancel, make(chan error, 1)}
	go func() { r.done <- run(context.Background(), stop) }()
	return r
}

func (r running) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the node does not end")
	}
}

func testConfig(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Rate = 0
	cfg.Window = 24 * time.Hour
	cfg.Sliding = window.Extent{Count: 20}
	cfg.Threshold = 0.05
	cfg.DrainPeriod = 0
	cfg.Sink = filepath.Join(t.TempDir(), "alerts.jsonl")
	return cfg
}

func startB(t *testing.T, cfg Config) (*B, running) {
	t.Helper()
	b, err := NewB(telemetry.Noop(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b, start(b.Run)
}

func startA(t *testing.T, cfg Config) (*A, running) {
	t.Helper()
	a, err := NewA(telemetry.Noop(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a, start(a.Run)
}

const wholeFile = 44_902

func TestAReplayThroughBothNodesCountsExactly(t *testing.T) {
	cfg := testConfig(t)
	path, bars := writeBars(t, wholeFile)
	cfg.Replay = path
	b, runB := startB(t, cfg)
	cfg.Peer = b.Addr()
	a, runA := startA(t, cfg)
	runA.wait(t)
	runB.stop()
	runB.wait(t)
	checkCounts(t, a, compute(bars, cfg.Window, cfg.Sliding.Count, cfg.Threshold), b)
	checkLines(t, cfg.Sink, b.Totals().Queries["price_alert"].Emitted)
	closeAll(t, a, b)
}

func checkCounts(t *testing.T, a *A, want expected, bs ...*B) {
	t.Helper()
	ta := a.Totals()
	var joined, unmatched, alerts, received int64
	for _, b := range bs {
		tb := b.Totals()
		received += tb.Read
		joined += tb.Queries["symbol_join"].Emitted
		unmatched += tb.Unmatched
		alerts += tb.Queries["price_alert"].Emitted
	}
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"events read", ta.Read, wholeFile},
		{"StockStream sent", ta.Streams["StockStream"].Sent, 2 * wholeFile},
		{"trade_rate processed", ta.Queries["trade_rate"].Processed, wholeFile},
		{"price_filter emitted", ta.Queries["price_filter"].Emitted, want.passed},
		{"stock_aggregation emitted", ta.Queries["stock_aggregation"].Emitted, want.aggregates},
		{"late events", ta.Late, 0},
		{"events over the link", received, want.aggregates},
		{"symbol_join emitted", joined, want.joined},
		{"symbol_join unmatched", unmatched, want.aggregates - want.joined},
		{"alerts", alerts, want.alerts},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, c.got, c.want)
		}
	}
}

func checkLines(t *testing.T, path string, want int64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(bytes.Count(content, []byte("\n"))); got != want || want == 0 {
		t.Errorf("the sink has %d lines, want %d", got, want)
	}
}

func closeAll(t *testing.T, nodes ...interface{ Close() error }) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPeerThatDiesAndReturnsLosesNothing(t *testing.T) {
	cfg := testConfig(t)
	cfg.Sliding = window.Extent{Count: 1} // no state to lose: no alerts, either
	path, bars := writeBars(t, wholeFile)
	cfg.Replay, cfg.Rate = path, 40_000 // about a second, so the peer dies in the middle
	var trouble strings.Builder
	cfg.Stderr = &trouble
	first, run1 := startB(t, cfg)
	cfg.Listen, cfg.Peer = first.Addr(), first.Addr()
	a, runA := startA(t, cfg)
	eventually(t, "B reads", func() bool { return first.Totals().Read > 0 })
	run1.stop()
	run1.wait(t)
	closeAll(t, first)
	eventually(t, "A meets a closed port", func() bool { return a.Totals().Queries["stock_aggregation"].Errors > 0 })
	second, run2 := startB(t, cfg)
	runA.wait(t)
	run2.stop()
	run2.wait(t)
	want := compute(bars, cfg.Window, 1, cfg.Threshold)
	checkCounts(t, a, want, first, second)
	if second.Totals().Read == 0 || a.Totals().Queries["stock_aggregation"].Errors == 0 {
		t.Error("the peer did not die in the middle, the test proves nothing")
	}
	if n := strings.Count(trouble.String(), "does not take events"); n != 1 {
		t.Errorf("the operator was told %d times, want once:\n%s", n, trouble.String())
	}
	closeAll(t, a, second)
}

func TestANodeWithoutItsPeerGivesUpAfterTheDrainTime(t *testing.T) {
	cfg := testConfig(t)
	cfg.Peer, cfg.Rate, cfg.Window, cfg.Drain = unusedAddress(t), 5000, time.Millisecond, 200*time.Millisecond
	a, run := startA(t, cfg)
	eventually(t, "A has something to send", func() bool { return a.Totals().Queries["stock_aggregation"].Errors > 0 })
	run.stop()
	select {
	case err := <-run.done:
		if err == nil || !strings.Contains(err.Error(), "drain not finished") || !strings.Contains(err.Error(), cfg.Peer) {
			t.Errorf("err = %v, want it to name the drain and the peer", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("node A hangs")
	}
	closeAll(t, a)
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for give := time.After(10 * time.Second); !holds(); {
		select {
		case <-look.C:
		case <-give:
			t.Fatalf("never so: %s", what)
		}
	}
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestStoppingALiveStreamDrainsIt(t *testing.T) {
	cfg := testConfig(t)
	cfg.Window, cfg.Rate = 20*time.Millisecond, 20_000
	b, runB := startB(t, cfg)
	cfg.Peer = b.Addr()
	a, runA := startA(t, cfg)
	eventually(t, "results arrive", func() bool { return b.Totals().Queries["price_alert"].Processed > 100 })
	runA.stop()
	runA.wait(t)
	runB.stop()
	runB.wait(t)
	ta, tb := a.Totals(), b.Totals()
	if ta.Read == 0 || ta.Queries["price_filter"].Processed != ta.Read || ta.Late != 0 {
		t.Errorf("A read %d and filtered %d, %d late", ta.Read, ta.Queries["price_filter"].Processed, ta.Late)
	}
	if sent := ta.Queries["stock_aggregation"].Emitted; sent == 0 || tb.Queries["price_alert"].Processed != sent {
		t.Errorf("A sent %d aggregates, B finished %d", sent, tb.Queries["price_alert"].Processed)
	}
	closeAll(t, a, b)
}

func TestWhatCannotStartSaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg := testConfig(t)
	cfg.Listen = l.Addr().String()
	if _, err := NewB(telemetry.Noop(), cfg); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("port in use: %v", err)
	}
	cfg = testConfig(t)
	cfg.Sink = filepath.Join(t.TempDir(), "absent", "alerts")
	if _, err := NewB(telemetry.Noop(), cfg); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--sink") {
		t.Errorf("sink: %v", err)
	}
	cfg.Replay = filepath.Join(t.TempDir(), "absent.csv")
	if _, err := NewA(telemetry.Noop(), cfg); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--replay") {
		t.Errorf("replay: %v", err)
	}
}
