// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"
)

const (
	// announceTimeout bounds the export that says the node is shutting down.
	announceTimeout = 2 * time.Second
	// hurryTimeout is how long the work in hand may still take once somebody is in a hurry.
	hurryTimeout = time.Second
	// peersEvery is how often a node that could end looks whether its peers have ended.
	peersEvery = 10 * time.Millisecond
)

// drain leads a node from the wish that it end to its end. Once asked ends, the
// node says that it is shutting down and takes events for the drain period;
// then stop ends, and what is left must be done within the drain time, or
// giveUp is called. Hurry ends the period and leaves a second for the rest.
//
// release ends all of it and waits for it; call it when the work is done.
func (n *Node) drain(asked context.Context, giveUp context.CancelCauseFunc) (stop context.Context, release func()) {
	stop, end := context.WithCancel(context.WithoutCancel(asked))
	done, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		defer end()
		select {
		case <-done:
			return
		case <-asked.Done():
		}
		n.announce()
		if !outlasts(n.opts.DrainPeriod, done, n.opts.Hurry) {
			return
		}
		n.logger.Info("input ends", "drain.timeout", n.opts.Drain.String())
		end()
		n.finish(done, giveUp)
	}()
	return stop, func() { close(done); <-left }
}

// awaitPeers returns when no peer is left that may still send, which is what open counts. Peers that were asked to end
// together with this node flush their windows only after their own drain period, so it waits for them as long as that
// period was. Half of the time for the work is kept for the work, so that a peer that goes on holds nothing up.
func (n *Node) awaitPeers(run context.Context, open func() int64) {
	longest := min(n.opts.DrainPeriod, n.opts.Drain/2)
	end := time.NewTimer(longest)
	defer end.Stop()
	look := time.NewTicker(peersEvery)
	defer look.Stop()
	for hurry := n.opts.Hurry; open() > 0; {
		select {
		case <-look.C:
		case <-hurry:
			hurry = nil
			end.Reset(min(longest, hurryTimeout/2))
		case <-end.C:
			return
		case <-run.Done():
			return
		}
	}
}

// finish calls giveUp when the work is not done in time.
func (n *Node) finish(done <-chan struct{}, giveUp context.CancelCauseFunc) {
	start := time.Now()
	if !outlasts(n.opts.Drain, done, n.opts.Hurry) {
		return
	}
	if n.hurried() && !outlasts(min(n.opts.Drain, hurryTimeout), done, nil) {
		return
	}
	giveUp(fmt.Errorf("drain not finished after %s, %d events were left behind",
		time.Since(start).Round(100*time.Millisecond), n.undelivered()))
}

func (n *Node) hurried() bool {
	select {
	case <-n.opts.Hurry:
		return true
	default:
		return false
	}
}

// announce makes the node shutting down and has that exported out of turn, in
// the background: a collector that hangs must not hold up the end.
func (n *Node) announce() {
	n.sdk.Health().SetShuttingDown()
	n.logger.Info("shutting down", "drain.period", n.opts.DrainPeriod.String())
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), announceTimeout)
		defer cancel()
		_ = n.sdk.ForceFlush(ctx) // the next export says it too, and the SDK reports failures itself
	}()
}

// outlasts waits until d has passed or somebody is in a hurry; it is false if
// the work is done before that.
func outlasts(d time.Duration, done, hurry <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-hurry:
	case <-t.C:
	}
	return true
}

// undelivered is the number of events that wait in streams.
func (n *Node) undelivered() (events int64) {
	for _, s := range n.streams {
		t := s.Totals()
		events += max(0, t.Received*int64(s.Subscribers())-t.Sent-t.Dropped)
	}
	return events
}
