// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Slow is the latency from which a batch counts as delayed, in seconds.
const Slow = 0.01

// Phase is what the engine itself has measured during a part of a plan, over
// all queries of both nodes.
type Phase struct {
	Batches float64
	Delayed float64   // batches that took longer than Slow
	Waits   float64   // publications that met a full queue
	upTo    []float64 // batches by upper bound, cumulative
	bounds  []float64
}

// Share is the part of the batches that was delayed.
func (p Phase) Share() float64 {
	if p.Batches == 0 {
		return 0
	}
	return p.Delayed / p.Batches
}

// Quantile is an upper bound of the latency of that part of the batches, in
// seconds: the end of the bucket it is in.
func (p Phase) Quantile(q float64) float64 {
	for i, n := range p.upTo {
		if n >= q*p.Batches {
			return p.bounds[i]
		}
	}
	return math.Inf(1)
}

// String is one line for people.
func (p Phase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.0f batches, %.0f of them (%.3f %%) over %.0f ms, %.0f met a full queue; at most",
		p.Batches, p.Delayed, 100*p.Share(), 1000*Slow, p.Waits)
	for _, q := range []float64{0.5, 0.99, 0.999, 1} {
		fmt.Fprintf(&b, " p%g %g ms", 100*q, 1000*p.Quantile(q))
	}
	return b.String()
}

// take reads the counts so far.
func take(m scrape.Snapshot) Phase {
	var p Phase
	p.Waits, _ = m.Sum("stream_backpressure_events_total", nil)
	byBound := map[float64]float64{}
	for _, series := range m.Series("query_latency_seconds", nil) {
		h := series.GetHistogram()
		p.Batches += float64(h.GetSampleCount())
		for _, bucket := range h.GetBucket() {
			byBound[bucket.GetUpperBound()] += float64(bucket.GetCumulativeCount())
		}
	}
	for bound := range byBound {
		p.bounds = append(p.bounds, bound)
	}
	slices.Sort(p.bounds)
	for _, bound := range p.bounds {
		p.upTo = append(p.upTo, byBound[bound])
	}
	p.Delayed = p.Batches - byBound[Slow]
	return p
}

// since returns what was added to earlier.
func (p Phase) since(earlier Phase) Phase {
	p.Batches -= earlier.Batches
	p.Delayed -= earlier.Delayed
	p.Waits -= earlier.Waits
	p.upTo = slices.Clone(p.upTo)
	for i := range min(len(p.upTo), len(earlier.upTo)) {
		p.upTo[i] -= earlier.upTo[i]
	}
	return p
}
