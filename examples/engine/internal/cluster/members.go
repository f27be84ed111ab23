// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster knows which nodes are there and which one leads: the one that holds a lease, which is votes of a
// quorum. A vote goes to the smallest name that the voter can talk to and binds the voter for a lease of three
// heartbeats; the candidate counts it from when it sent what the vote answers, which was earlier. A quorum is more than
// half of the configured nodes, or half of them with the smallest name of all. As any two quorums share a node, two
// nodes never lead at once, however late messages are and whichever get lost, while clocks run at the same speed. The
// price: of two nodes, only the one with the smaller name leads alone.
package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// Missed heartbeats after which a node is degraded, or unhealthy and no candidate any more.
const missedDegraded, missedUnhealthy = 2, 3

// Members is what one node knows of the cluster. It is a state machine for one goroutine at a time: messages and the
// time in, views and messages out.
type Members struct {
	self              string
	names             []string // of all nodes, sorted
	peers             map[string]*peer
	interval, offline time.Duration
	began             time.Time
	clock             uint64 // stamp of began; stamps of a node that was restarted differ
	missed            int
	voted             string // whom this node lets lead
	bound             time.Time
}

// peer is another node.
type peer struct {
	stamp   uint64    // of its latest message
	heard   time.Time // that message
	missed  int
	echoed  time.Time // when the latest message was sent that it is known to have
	granted time.Time // until then it lets nobody but this node lead
	claims  bool      // it said that it leads
	leads   time.Time // until then it does for sure
}

// View is what a node sees of its cluster at one moment.
type View struct {
	Nodes  map[string]semconv.NodeStateValue
	Missed int    // heartbeats so far
	Leader string // empty: nobody that this node knows
	Status semconv.ClusterPartitionStatusValue
}

// NewMembers starts the node self at now. Clock is any number above 0 that an earlier start did not have.
func NewMembers(self string, others []string, interval, offline time.Duration, clock uint64, now time.Time) *Members {
	m := &Members{self: self, interval: interval, offline: offline, began: now, clock: clock, peers: make(map[string]*peer)}
	for _, name := range others {
		m.peers[name] = &peer{heard: now}
	}
	m.names = slices.Sorted(slices.Values(append([]string{self}, others...)))
	return m
}

func (m *Members) lease() time.Duration { return 3 * m.interval }

// Beat returns what to tell the node to.
func (m *Members) Beat(to string, now time.Time) *linkpb.Heartbeat {
	h := &linkpb.Heartbeat{Stamp: m.clock + uint64(now.Sub(m.began)), Vote: m.vote(to, now)}
	if p := m.peers[to]; p != nil {
		h.Echo = p.stamp
	}
	h.LeaseLeft = uint64(max(m.leaseEnd().Sub(now), 0))
	return h
}

// vote decides for the smallest name in reach, unless bound to another, and reports whether that is to.
func (m *Members) vote(to string, now time.Time) bool {
	want := m.self
	for name, p := range m.peers {
		if name < want && m.missing(now.Sub(p.echoed)) < missedUnhealthy {
			want = name
		}
	}
	if now.Sub(m.began) < m.lease() || m.voted != want && now.Before(m.bound) {
		return false // it may be bound by what it said before a restart
	}
	m.voted, m.bound = want, now.Add(m.lease())
	return want == to
}

// missing is how many heartbeats are overdue after a silence.
func (m *Members) missing(silence time.Duration) int {
	return int((silence - m.interval/2) / m.interval)
}

// Heard takes a message of a node.
func (m *Members) Heard(from string, h *linkpb.Heartbeat, now time.Time) error {
	p := m.peers[from]
	if p == nil {
		return fmt.Errorf("node %q is not one of %q here, or has the name of this one: correct --node or --peers", from, m.names)
	}
	p.stamp, p.heard, p.claims = h.GetStamp(), now, h.GetLeaseLeft() > 0
	age := time.Duration(m.clock + uint64(now.Sub(m.began)) - h.GetEcho())
	if sent := now.Add(-age); h.GetEcho() >= m.clock && age >= 0 {
		p.echoed, p.leads = sent, sent.Add(time.Duration(h.GetLeaseLeft()))
		if h.GetVote() {
			p.granted = sent.Add(m.lease())
		}
	}
	return nil
}

// leaseEnd is when this node stops to lead, unless it gets more votes.
func (m *Members) leaseEnd() (end time.Time) {
	votes := map[string]time.Time{}
	for name, p := range m.peers {
		votes[name] = p.granted
	}
	if m.voted == m.self {
		votes[m.self] = m.bound
	}
	for _, until := range votes {
		if until.After(end) && m.quorum(func(name string) bool { return !votes[name].Before(until) }) {
			end = until
		}
	}
	return end
}

func (m *Members) quorum(has func(name string) bool) bool {
	n := 0
	for _, name := range m.names {
		if has(name) {
			n++
		}
	}
	return 2*n > len(m.names) || 2*n == len(m.names) && has(m.names[0])
}

// Leads reports whether this node leads at now. What only a leader may do must be done by then.
func (m *Members) Leads(now time.Time) bool { return now.Before(m.leaseEnd()) }

// Look returns the view at now. A node that is alone leads by looking.
func (m *Members) Look(now time.Time) View {
	m.vote(m.self, now)
	v := View{Nodes: map[string]semconv.NodeStateValue{m.self: semconv.NodeStateHealthy}, Status: semconv.ClusterPartitionStatusHealthy}
	leaders, latest := 0, time.Time{}
	for name, p := range m.peers {
		missed := m.missing(now.Sub(p.heard))
		m.missed += max(missed-p.missed, 0)
		p.missed = missed
		v.Nodes[name] = m.state(p, now)
		if missed >= missedUnhealthy && v.Nodes[name] != semconv.NodeStateUnknown {
			v.Status = semconv.ClusterPartitionStatusMinorPartition
		} else if p.claims && p.leads.After(latest) {
			v.Leader, latest = name, p.leads
		}
		if now.Before(p.leads) {
			leaders++
		}
	}
	if m.Leads(now) {
		v.Leader = m.self
		leaders++
	}
	near := func(name string) bool { return name == m.self || m.peers[name].missed < missedUnhealthy }
	if leaders > 1 {
		v.Status = semconv.ClusterPartitionStatusSplitBrain
	} else if v.Status != semconv.ClusterPartitionStatusHealthy && !m.quorum(near) {
		v.Status = semconv.ClusterPartitionStatusMajorPartition
	}
	v.Missed = m.missed
	return v
}

// stuck reports that too few nodes are in reach to elect anyone.
func (v View) stuck() bool {
	return v.Leader == "" && v.Status == semconv.ClusterPartitionStatusMajorPartition
}

func (m *Members) state(p *peer, now time.Time) semconv.NodeStateValue {
	switch {
	case now.Sub(p.heard) >= m.offline:
		return semconv.NodeStateOffline
	case p.stamp == 0: // never heard
		return semconv.NodeStateUnknown
	case p.missed >= missedUnhealthy:
		return semconv.NodeStateUnhealthy
	case p.missed >= missedDegraded:
		return semconv.NodeStateDegraded
	default:
		return semconv.NodeStateHealthy
	}
}
