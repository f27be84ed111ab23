// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

const (
	fleetInstances = 60
	fleetUsers     = 120 // two of each instance
	fleetLimit     = 3   // of each metric, on each gateway
)

// fleet is three gateways that limit series, and who spreads metrics over them.
type fleet struct {
	routing  string
	gateways []*limiter
	front    *run.Collector
	began    time.Time // before the gateways

	sender atomic.Pointer[otlp.Sender]
	last   time.Time
	rounds atomic.Int64
}

// newFleet starts the gateways. The first of them keeps what it folds until it ends.
func newFleet(t *testing.T, routing, count string) *fleet {
	t.Helper()
	f := &fleet{routing: routing, began: time.Now()}
	f.last = f.began
	for _, interval := range []string{"1h", "0s", "0s"} {
		f.gateways = append(f.gateways, newLimiter(t, map[string]string{
			"LIMIT": strconv.Itoa(fleetLimit), "FLUSH_INTERVAL": interval, "COUNT": count,
		}))
	}
	return f
}

// spread starts a front that spreads over some of the gateways, and sends there from now on.
func (f *fleet) spread(t *testing.T, over []*limiter) {
	t.Helper()
	var endpoints []string
	for _, g := range over {
		endpoints = append(endpoints, g.Endpoint())
	}
	list, err := json.Marshal(endpoints)
	require.NoError(t, err)
	f.front = run.NewCollector(t)
	f.front.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "front.yaml"), map[string]string{
		"ROUTING_KEY": f.routing, "GATEWAYS": string(list),
	})
	f.front.WaitReady()
	f.sender.Store(otlp.NewSender(t, f.front.Endpoint()))
}

// perRound is what all users of a round order together: user n orders n+1.
const perRound = fleetUsers * (fleetUsers + 1) / 2

// round sends a point of every user: what it ordered since the last round, and how often it
// looked, which is once per round and long before.
func (f *fleet) round(t *testing.T) error {
	t.Helper()
	n := f.rounds.Add(1)
	b := newBatch()
	for i := range fleetInstances {
		ordered := b.sum(i, "orders", pmetric.AggregationTemporalityDelta)
		looked := b.sum(i, "looks", pmetric.AggregationTemporalityCumulative)
		for user := i; user < fleetUsers; user += fleetInstances {
			b.point(ordered, user, int64(user)+1, f.last)
			b.point(looked, user, 1000+n, f.began)
		}
	}
	f.last = b.at
	return f.sender.Load().Metrics(t.Context(), b.md)
}

// flow sends round after round until stopped. more returns when three more are through.
func (f *fleet) flow(t *testing.T) (more, stop func()) {
	t.Helper()
	enough := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
			}
			if !assert.NoError(t, f.round(t)) {
				return
			}
		}
	})
	more = func() {
		t.Helper()
		seen := f.rounds.Load()
		run.Eventually(t, "more rounds are sent", func() bool { return f.rounds.Load() > seen+3 || t.Failed() })
	}
	return more, func() {
		close(enough)
		sending.Wait()
	}
}

// baselines returns how many points some gateways lost as the past of a folded series.
func baselines(gateways []*limiter) (n float64) {
	for _, g := range gateways {
		n += g.own("points_out", scrape.Labels{"outcome": "dropped", "reason": "baseline"})
	}
	return n
}

// One of three gateways is stopped while metrics flow.
func TestAFleetLosesNothingWhenItShrinks(t *testing.T) {
	for routing, count := range map[string]string{"streamID": "series", "resource": "entities"} {
		t.Run(routing, func(t *testing.T) {
			f := newFleet(t, routing, count)
			first, others := f.gateways[0], f.gateways[1:]
			f.spread(t, f.gateways)
			for range 5 {
				require.NoError(t, f.round(t))
			}
			onOthers := baselines(others)
			onFirst := first.own("folded_sources", nil) + fleetLimit

			more, stop := f.flow(t)
			more()
			old := f.front
			f.spread(t, others)
			more()
			require.Zero(t, old.Stop())
			assert.Empty(t, overflowOf(first.backend.Points()), "it keeps what it folded")
			assert.Positive(t, first.own("overflow_points_held", nil))
			require.Zero(t, first.Stop())
			assert.NotEmpty(t, overflowOf(first.backend.Points()), "it hands on what it folded")
			more()
			stop()

			f.assertWriters(t)
			rounds := f.rounds.Load()
			assert.Equal(t, perRound*rounds, f.ordered(), "every order is there, once")
			// A cumulative series that began before the gateway that it comes to, and is folded
			// there, loses what it added on the way: one look.
			moved := baselines(others) - onOthers
			assert.Equal(t, onFirst, moved)
			assert.Equal(t, fleetUsers*(rounds-1), f.looked(t)+int64(moved), "all that is missing is counted")
			for _, g := range others {
				assert.Positive(t, g.own("points_in", nil))
				assert.Equal(t, g.own("points_in", nil), g.own("points_out", nil))
				assert.Equal(t, baselines([]*limiter{g}), g.own("points_out", scrape.Labels{"outcome": "dropped"}))
			}
			t.Logf("%d rounds; %v of %d cumulative series moved", rounds, moved, fleetUsers)
		})
	}
}

// assertWriters checks that no series was written by two gateways, and that each gateway
// writes to overflow series of its own.
func (f *fleet) assertWriters(t *testing.T) {
	t.Helper()
	writers := map[string]int{}
	instances := map[string]bool{}
	for i, g := range f.gateways {
		points := g.backend.Points()
		own := map[string]int{}
		for _, p := range points {
			by, known := writers[p.Series()]
			assert.True(t, !known || by == i, "gateways %d and %d write to %s", by, i, p.Series())
			writers[p.Series()] = i
			if !isOverflow(p) {
				own[p.Metric+" "+recorded.Text(p.Attributes(), "user")]++
			}
		}
		assert.Len(t, own, 2*fleetLimit, "of each metric as many series as the limit says")
		instances[instance(t, overflowOf(points))] = true
	}
	assert.Len(t, instances, len(f.gateways))
}

// ordered is the sum of all deltas.
func (f *fleet) ordered() (sum int64) {
	for _, g := range f.gateways {
		for _, p := range g.backend.Points() {
			if p.Metric == "orders" {
				sum += p.IntValue()
			}
		}
	}
	return sum
}

// looked is how far all cumulative series have come since the first round.
func (f *fleet) looked(t *testing.T) (sum int64) {
	t.Helper()
	for _, g := range f.gateways {
		looks := slices.DeleteFunc(g.backend.Points(), func(p recorded.Point) bool { return p.Metric != "looks" })
		overflow := overflowOf(looks)
		sum += standing(t, overflow) // they begin at zero
		lows := map[string]int64{}
		for _, p := range looks {
			if _, known := lows[p.Series()]; !known && !isOverflow(p) {
				lows[p.Series()] = p.IntValue()
			}
		}
		looks = slices.DeleteFunc(looks, isOverflow)
		sum += standing(t, looks)
		for _, low := range lows {
			sum -= low
		}
	}
	return sum
}
