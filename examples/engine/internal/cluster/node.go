// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// Config says who belongs to the cluster.
type Config struct {
	Self     string            // name of this node
	Peers    map[string]string // addresses of the others by name; "" for one that only calls
	Protocol string            // of the links
	Interval time.Duration     // between two heartbeats, 0: 1 s
	Offline  time.Duration     // of silence until a node is offline, 0: 10 s
}

// Node keeps this node in touch with the others. All methods are safe for concurrent use.
type Node struct {
	cfg     Config
	peers   map[string]*link.Peer
	metrics *telemetry.Cluster
	logger  *slog.Logger

	mu      sync.Mutex
	members *Members
}

// New joins the cluster; app may be nil. Run must follow, and a link.Server whose Beats are Heard.
func New(cfg Config, app *telemetry.App, logger *slog.Logger) (*Node, error) {
	cfg.Interval, cfg.Offline = cmp.Or(cfg.Interval, time.Second), cmp.Or(cfg.Offline, 10*time.Second)
	n := &Node{cfg: cfg, metrics: app.Cluster(), logger: logger, peers: make(map[string]*link.Peer)}
	n.members = NewMembers(cfg.Self, slices.Collect(maps.Keys(cfg.Peers)), cfg.Interval, cfg.Offline, rand.Uint64N(1<<62)+1, time.Now())
	for name, addr := range cfg.Peers {
		if addr != "" {
			peer, err := link.Dial(cfg.Protocol, addr, app)
			if err != nil {
				return nil, err
			}
			n.peers[name] = peer
		}
	}
	n.metrics.IsLeader().Func(func() float64 { return map[bool]float64{true: 1}[n.View().Leader == cfg.Self] })
	return n, nil
}

// View is what this node sees of the cluster now.
func (n *Node) View() View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.Look(time.Now())
}

// Heard takes a heartbeat and returns the answer.
func (n *Node) Heard(from string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.members.Heard(from, h, time.Now()); err != nil {
		return nil, err
	}
	return n.members.Beat(from, time.Now()), nil
}

// Run sends heartbeats and reports what changes until ctx ends.
func (n *Node) Run(ctx context.Context) {
	var beats sync.WaitGroup
	defer beats.Wait()
	for name, peer := range n.peers {
		beats.Go(func() {
			defer func() { _ = peer.Close() }()
			every(ctx, n.cfg.Interval, func() { n.beat(ctx, name, peer) })
		})
	}
	last := View{Nodes: map[string]semconv.NodeStateValue{}}
	every(ctx, n.cfg.Interval/4, func() {
		now := n.View()
		n.report(ctx, last, now)
		last = now
	})
}

func every(ctx context.Context, d time.Duration, do func()) {
	for tick := time.Tick(d); ctx.Err() == nil; {
		do()
		select {
		case <-tick:
		case <-ctx.Done():
		}
	}
}

// beat exchanges heartbeats with one node.
func (n *Node) beat(ctx context.Context, name string, peer *link.Peer) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Interval)
	defer cancel()
	start, result := time.Now(), semconv.ResultSuccess
	n.mu.Lock()
	h := n.members.Beat(name, start)
	n.mu.Unlock()
	answer, err := peer.Beat(ctx, n.cfg.Self, h)
	if err == nil {
		_, err = n.Heard(name, answer)
	}
	if err != nil {
		result = semconv.ResultFailure
		n.logger.DebugContext(ctx, "heartbeat failed", "node", name, "error", err.Error())
	}
	n.metrics.HeartbeatDuration(result).Observe(time.Since(start))
}

// report counts and logs what has changed.
func (n *Node) report(ctx context.Context, was, is View) {
	n.metrics.HeartbeatsMissed().Add(is.Missed - was.Missed)
	for name, state := range is.Nodes {
		if old := was.Nodes[name]; old != state {
			n.metrics.Nodes(state).Add(1)
			if old != "" {
				n.metrics.Nodes(old).Add(-1)
			}
			n.logger.InfoContext(ctx, "node "+name+" is "+string(state), "node", name, string(semconv.NodeStateKey), string(state))
		}
	}
	if is.Leader != was.Leader {
		n.logger.Log(ctx, semconv.EventClusterLeaderChanged.Severity(), "leader changed", "leader", is.Leader, "was", was.Leader)
	}
	if is.Leader != was.Leader && is.Leader != "" {
		n.metrics.LeaderElections(semconv.ResultSuccess).Inc()
	} else if is.stuck() && !was.stuck() {
		n.metrics.LeaderElections(semconv.ResultFailure).Inc()
	}
	if is.Status == was.Status {
		return
	}
	level := slog.LevelInfo
	if is.Status != semconv.ClusterPartitionStatusHealthy {
		n.metrics.PartitionsDetected(is.Status).Inc()
		level = semconv.EventClusterPartitionDetected.Severity()
	}
	n.logger.Log(ctx, level, "cluster is "+string(is.Status), string(semconv.ClusterPartitionStatusKey), string(is.Status))
}
