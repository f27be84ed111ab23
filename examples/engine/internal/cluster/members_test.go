// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// packet is a message on its way.
type packet struct {
	from, to string
	arrives  time.Time
	h        *linkpb.Heartbeat
	answer   bool
}

// world is a cluster under a clock of its own.
type world struct {
	now    time.Time
	names  []string
	nodes  map[string]*Members // nil: not running
	next   map[string]time.Time
	flying []packet
	starts uint64

	reaches func(from, to string) bool
	delay   func() time.Duration
}

func newWorld(names ...string) *world {
	w := &world{
		now: epoch, names: names, nodes: map[string]*Members{}, next: map[string]time.Time{},
		reaches: func(string, string) bool { return true }, delay: func() time.Duration { return time.Millisecond },
	}
	for _, name := range names {
		w.start(name)
	}
	return w
}

func (w *world) start(name string) {
	others := slices.DeleteFunc(slices.Clone(w.names), func(n string) bool { return n == name })
	w.starts += 1 << 50
	w.nodes[name] = NewMembers(name, others, time.Second, 10*time.Second, w.starts, w.now)
	w.next[name] = w.now
}

func (w *world) send(from, to string, answer bool) {
	h := w.nodes[from].Beat(to, w.now)
	if w.reaches(from, to) {
		w.flying = append(w.flying, packet{from, to, w.now.Add(w.delay()), h, answer})
	}
}

// step moves the clock on, delivers what arrives and lets nodes beat that are due.
func (w *world) step(d time.Duration) {
	w.now = w.now.Add(d)
	for i := 0; i < len(w.flying); i++ {
		p := w.flying[i]
		if p.arrives.After(w.now) {
			continue
		}
		w.flying = slices.Delete(w.flying, i, i+1)
		i--
		if node := w.nodes[p.to]; node != nil {
			if err := node.Heard(p.from, p.h, w.now); err != nil {
				panic(err)
			}
			if !p.answer {
				w.send(p.to, p.from, true)
			}
		}
	}
	for _, name := range w.names {
		if w.nodes[name] == nil || w.now.Before(w.next[name]) {
			continue
		}
		w.next[name] = w.now.Add(time.Second)
		for _, to := range w.names {
			if to != name {
				w.send(name, to, false)
			}
		}
	}
}

func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.step(50 * time.Millisecond)
	}
}

func (w *world) leaders() (out []string) {
	for _, name := range w.names {
		if w.nodes[name] != nil && w.nodes[name].Leads(w.now) {
			out = append(out, name)
		}
	}
	return out
}

// wantLeader checks who leads, and that everybody in reach agrees.
func (w *world) wantLeader(t *testing.T, want string, seenBy ...string) {
	t.Helper()
	if got := strings.Join(w.leaders(), " "); got != want {
		t.Errorf("%q leads after %s, want %q", got, w.now.Sub(epoch), want)
	}
	for _, name := range seenBy {
		if got := w.nodes[name].Look(w.now).Leader; got != want {
			t.Errorf("%s sees %q lead, want %q", name, got, want)
		}
	}
}

func TestTheSmallestNameLeadsAndANextOneTakesOver(t *testing.T) {
	w := newWorld("a", "b", "c")
	w.run(2 * time.Second)
	w.wantLeader(t, "") // it may have led before a restart
	w.run(3 * time.Second)
	w.wantLeader(t, "a", "a", "b", "c")
	w.nodes["a"] = nil
	w.run(2 * time.Second)
	w.wantLeader(t, "") // its lease is not over
	w.run(8 * time.Second)
	w.wantLeader(t, "b", "b", "c")
	w.start("a")
	w.run(10 * time.Second)
	w.wantLeader(t, "a", "a", "b", "c")
	w.nodes["b"], w.nodes["c"] = nil, nil
	w.run(10 * time.Second)
	w.wantLeader(t, "") // one of three
}

func TestOfTwoNodesTheSmallerNameLeadsAlone(t *testing.T) {
	w := newWorld("a", "b")
	w.run(6 * time.Second)
	w.wantLeader(t, "a", "a", "b")
	w.reaches = func(string, string) bool { return false }
	w.run(20 * time.Second)
	w.wantLeader(t, "a", "a")
	for name, want := range map[string]semconv.ClusterPartitionStatusValue{
		"a": semconv.ClusterPartitionStatusMinorPartition, "b": semconv.ClusterPartitionStatusMajorPartition,
	} {
		if got := w.nodes[name].Look(w.now).Status; got != want {
			t.Errorf("%s is in a %s, want %s", name, got, want)
		}
	}
	w.nodes["a"] = nil
	w.reaches = func(string, string) bool { return true }
	w.run(20 * time.Second)
	w.wantLeader(t, "", "b")
	alone := newWorld("a")
	alone.run(4 * time.Second)
	alone.nodes["a"].Look(alone.now)
	alone.wantLeader(t, "a", "a")
}

func TestANodeThatHearsNobodyIsNoCandidate(t *testing.T) {
	w := newWorld("a", "b", "c")
	w.run(5 * time.Second)
	w.reaches = func(_, to string) bool { return to != "a" } // a is heard and hears nothing
	w.run(15 * time.Second)
	w.wantLeader(t, "b", "b", "c")
}

func TestSilenceMakesANodeDegradedUnhealthyAndOffline(t *testing.T) {
	m := NewMembers("a", []string{"b"}, time.Second, 10*time.Second, 1, epoch)
	at := func(d time.Duration) View { return m.Look(epoch.Add(d)) }
	if got := at(0); got.Nodes["b"] != semconv.NodeStateUnknown || got.Nodes["a"] != semconv.NodeStateHealthy {
		t.Errorf("at first %v", got.Nodes)
	}
	if err := m.Heard("b", &linkpb.Heartbeat{Stamp: 1}, epoch); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after  time.Duration
		state  semconv.NodeStateValue
		missed int
		status semconv.ClusterPartitionStatusValue
	}{
		{1400 * time.Millisecond, semconv.NodeStateHealthy, 0, semconv.ClusterPartitionStatusHealthy},
		{1500 * time.Millisecond, semconv.NodeStateHealthy, 1, semconv.ClusterPartitionStatusHealthy},
		{2500 * time.Millisecond, semconv.NodeStateDegraded, 2, semconv.ClusterPartitionStatusHealthy},
		{3500 * time.Millisecond, semconv.NodeStateUnhealthy, 3, semconv.ClusterPartitionStatusMinorPartition},
		{9900 * time.Millisecond, semconv.NodeStateUnhealthy, 9, semconv.ClusterPartitionStatusMinorPartition},
		{10 * time.Second, semconv.NodeStateOffline, 9, semconv.ClusterPartitionStatusMinorPartition},
	} {
		if got := at(tt.after); got.Nodes["b"] != tt.state || got.Missed != tt.missed || got.Status != tt.status {
			t.Errorf("after %s: %s, %d missed, %s", tt.after, got.Nodes["b"], got.Missed, got.Status)
		}
	}
	_ = m.Heard("b", &linkpb.Heartbeat{Stamp: 2}, epoch.Add(11*time.Second))
	if got := at(11 * time.Second); got.Nodes["b"] != semconv.NodeStateHealthy || got.Missed != 9 || got.Status != semconv.ClusterPartitionStatusHealthy {
		t.Errorf("when it is back: %v", got)
	}
}

func TestANodeWithANameThatIsNoneIsRefused(t *testing.T) {
	m := NewMembers("a", []string{"b"}, time.Second, 10*time.Second, 1, epoch)
	for _, name := range []string{"a", "c"} {
		if err := m.Heard(name, &linkpb.Heartbeat{}, epoch); err == nil || !strings.Contains(err.Error(), "--peers") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNodesOfDifferentClustersMayBothLeadAndAreSeen(t *testing.T) {
	m := NewMembers("z", []string{"b", "c", "d"}, time.Second, 10*time.Second, 100, epoch)
	for _, name := range []string{"b", "c"} { // each leads a cluster of which the other is no member
		_ = m.Heard(name, &linkpb.Heartbeat{Stamp: 1, Echo: 100, LeaseLeft: uint64(2 * time.Second)}, epoch)
	}
	if got := m.Look(epoch).Status; got != semconv.ClusterPartitionStatusSplitBrain {
		t.Errorf("two leaders are %s", got)
	}
}

func TestAnEchoOfAnotherLifeGivesNoVote(t *testing.T) {
	m := NewMembers("a", []string{"b", "c"}, time.Second, 10*time.Second, 1<<40, epoch)
	now := epoch.Add(5 * time.Second)
	for _, echo := range []uint64{0, 7, 1<<40 - 1, 1<<40 + uint64(6*time.Second), 1 << 63} {
		_ = m.Heard("b", &linkpb.Heartbeat{Stamp: 1, Echo: echo, Vote: true}, now)
		_ = m.Heard("c", &linkpb.Heartbeat{Stamp: 1, Echo: echo, Vote: true}, now)
		if m.Leads(now) {
			t.Errorf("leads by the echo %d", echo)
		}
	}
	_ = m.Heard("b", &linkpb.Heartbeat{Stamp: 1, Echo: 1<<40 + uint64(4*time.Second), Vote: true}, now)
	m.Look(now) // votes for itself
	if !m.Leads(now.Add(1900*time.Millisecond)) || m.Leads(now.Add(2*time.Second)) {
		t.Error("the lease must count from when the echoed message was sent")
	}
}

// TestNeverTwoLeaders runs random clusters through lost and late messages, partitions in one direction or both, crashes
// and restarts, and looks at every step. When all is well again, the smallest name must lead.
func TestNeverTwoLeaders(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		names := []string{"a", "b", "c", "d", "e"}[:2+r.IntN(4)]
		w := newWorld(names...)
		loss, led := r.Float64()*0.7, map[string]bool{}
		cut := map[string]bool{}
		w.delay = func() time.Duration {
			if r.IntN(10) == 0 {
				return time.Duration(r.IntN(5000)) * time.Millisecond // longer than a lease
			}
			return time.Duration(r.ExpFloat64() * float64(100*time.Millisecond))
		}
		w.reaches = func(from, to string) bool { return r.Float64() >= loss && !cut[from+to] }
		for range 3000 {
			w.step(time.Duration(r.IntN(100)) * time.Millisecond)
			if leaders := w.leaders(); len(leaders) > 1 {
				t.Fatalf("seed %d: %v lead at once after %s", seed, leaders, w.now.Sub(epoch))
			} else if len(leaders) == 1 {
				led[leaders[0]] = true
			}
			name, other := names[r.IntN(len(names))], names[r.IntN(len(names))]
			switch r.IntN(200) {
			case 0:
				w.nodes[name] = nil
			case 1:
				w.start(name) // at once after a crash, so that nobody notices
			case 2, 8:
				if w.nodes[name] == nil {
					w.start(name)
				}
			case 3, 4:
				cut[name+other] = !cut[name+other]
			case 5:
				for _, to := range names {
					cut[name+to], cut[to+name] = true, true
				}
			case 6, 7:
				clear(cut)
				loss = r.Float64() * 0.7
			default:
				if node := w.nodes[name]; node != nil && node.Look(w.now).Status == semconv.ClusterPartitionStatusSplitBrain {
					t.Fatalf("seed %d: %s sees two leaders that never were", seed, name)
				}
			}
		}
		clear(cut)
		loss, w.delay = 0, func() time.Duration { return time.Millisecond }
		for _, name := range names {
			if w.nodes[name] == nil {
				w.start(name)
			}
		}
		w.run(20 * time.Second)
		w.wantLeader(t, "a", names...)
		if len(led) == 0 {
			t.Errorf("seed %d: nobody ever led", seed)
		}
	}
}
