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

	"github.com/eventflux-io/eventflux-otel/examples/engine/apps"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
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

// setup is how a test runs the demo.
type setup struct {
	Options

	set  map[string]string // variables
	rate float64
	sink string
}

func testSetup(t *testing.T) setup {
	t.Helper()
	s := setup{Options: DefaultOptions(), sink: filepath.Join(t.TempDir(), "alerts.jsonl")}
	s.Listen, s.DrainPeriod, s.Peers = "127.0.0.1:0", 0, map[string]string{}
	s.set = map[string]string{"window": "24h", "sliding": "20", "threshold": "0.05", "sink": s.sink}
	return s
}

// replay makes the source read a file.
func (s *setup) replay(path string) { s.set["source"], s.set["replay"] = "csv", path }

func (s *setup) build(sdk *telemetry.SDK, name string) (*Node, error) {
	a, err := app.Parse(apps.Demo, s.set)
	if err != nil {
		return nil, err
	}
	a.Sources[0].Rate = app.Float(s.rate)
	o := s.Options
	o.Node = name
	if err := a.OnNode(name); err != nil {
		return nil, err
	}
	return New(sdk, a, o)
}

func (s *setup) start(t *testing.T, sdk *telemetry.SDK, name string) (*Node, running) {
	t.Helper()
	n, err := s.build(sdk, name)
	if err != nil {
		t.Fatal(err)
	}
	if addr := n.Addr(); addr != "" {
		s.Listen, s.Peers[name] = addr, addr // for its peers, and for one that takes its place
	}
	return n, start(n.Run)
}

const wholeFile = 44_902

func TestAReplayThroughBothNodesCountsExactly(t *testing.T) {
	s := testSetup(t)
	path, bars := writeBars(t, wholeFile)
	s.replay(path)
	b, runB := s.start(t, telemetry.Noop(), "b")
	a, runA := s.start(t, telemetry.Noop(), "a")
	runA.wait(t)
	runB.stop()
	runB.wait(t)
	checkCounts(t, a, compute(bars, 24*time.Hour, 20, 0.05), b)
	checkLines(t, s.sink, b.Totals().Queries["price_alert"].Emitted)
	closeAll(t, a, b)
}

func checkCounts(t *testing.T, a *Node, want expected, bs ...*Node) {
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
	s := testSetup(t)
	s.set["sliding"] = "1" // no state to lose: no alerts, either
	path, bars := writeBars(t, wholeFile)
	s.replay(path)
	s.rate = 40_000 // about a second, so the peer dies in the middle
	var trouble strings.Builder
	s.Stderr = &trouble
	first, run1 := s.start(t, telemetry.Noop(), "b")
	a, runA := s.start(t, telemetry.Noop(), "a")
	eventually(t, "B reads", func() bool { return first.Totals().Read > 0 })
	run1.stop()
	run1.wait(t)
	closeAll(t, first)
	eventually(t, "A meets a closed port", func() bool { return a.Totals().Queries["stock_aggregation"].Errors > 0 })
	second, run2 := s.start(t, telemetry.Noop(), "b")
	runA.wait(t)
	run2.stop()
	run2.wait(t)
	want := compute(bars, 24*time.Hour, 1, 0.05)
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
	s := testSetup(t)
	peer := unusedAddress(t)
	s.Peers["b"], s.rate, s.set["window"], s.Drain = peer, 5000, "1ms", 200*time.Millisecond
	a, run := s.start(t, telemetry.Noop(), "a")
	eventually(t, "A has something to send", func() bool { return a.Totals().Queries["stock_aggregation"].Errors > 0 })
	run.stop()
	select {
	case err := <-run.done:
		if err == nil || !strings.Contains(err.Error(), "drain not finished") || !strings.Contains(err.Error(), peer) {
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
	s := testSetup(t)
	s.set["window"], s.rate = "20ms", 20_000
	b, runB := s.start(t, telemetry.Noop(), "b")
	a, runA := s.start(t, telemetry.Noop(), "a")
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
	s := testSetup(t)
	s.Listen = l.Addr().String()
	if _, err := s.build(telemetry.Noop(), "b"); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("port in use: %v", err)
	}
	s = testSetup(t)
	if _, err := s.build(telemetry.Noop(), "a"); err == nil || !strings.Contains(err.Error(), "--peers b=HOST:PORT") {
		t.Errorf("no peer: %v", err)
	}
	s.Peers["b"] = "127.0.0.1:1"
	s.set["sink"] = filepath.Join(t.TempDir(), "absent", "alerts")
	if _, err := s.build(telemetry.Noop(), "b"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "AlertStream") {
		t.Errorf("sink: %v", err)
	}
	s.replay(filepath.Join(t.TempDir(), "absent.csv"))
	if _, err := s.build(telemetry.Noop(), "a"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "StockStream") {
		t.Errorf("file: %v", err)
	}
}
