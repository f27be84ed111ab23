// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/health/internal/score"
	"github.com/eventflux-io/eventflux-otel/sdk/health/internal/trend"
)

// degradedBelow is the score below which a pipeline is Degraded.
const degradedBelow = 0.5

// minSpan is the shortest time over which rates are computed. A reading that follows sooner changes nothing.
const minSpan = 10 * time.Millisecond

// Reading is an event pipeline at one moment. Counts are cumulative; one that goes down began again at zero.
type Reading struct {
	// Events counts the events that arrived, those that were dropped included.
	Events uint64
	// Dropped counts the events that were thrown away, Errors those whose handling failed.
	Dropped uint64
	Errors  uint64
	// QueueDepth is the number of events that wait, QueueCapacity how many could; 0 if there is no queue.
	QueueDepth    int64
	QueueCapacity int64
	// Latency is that of the recent past, better a p99 than a mean, and LatencyTarget what it should not exceed; 0
	// if it is not to be judged.
	Latency       time.Duration
	LatencyTarget time.Duration
}

// Pipeline is a Check of an event pipeline. It computes a score from 0 to 1 of what happened since the run before;
// below 0.5 the pipeline is Degraded. The score is the product of four parts, so that one part below 0.5 suffices:
//
//	part                     1 up to     0.5 at           0 from
//	queue, by its fill       60%         80%              100%
//	drops, of the events     none        5%               10%
//	errors, of the events    none        10%              20%
//	latency                  its target  twice the target never: target / latency
//
// A pipeline that has never seen an event has score 1. All methods are safe for concurrent use and legal on a nil
// Pipeline, which is one that has never seen an event.
type Pipeline struct {
	read func() Reading

	sampling sync.Mutex // one reading at a time, in order
	before   score.Reading
	at       time.Time // of the reading before; zero without one

	mu     sync.Mutex
	result Result
	score  float64
	trends lines
}

type lines struct{ throughput, latency, score trend.Line }

// NewPipeline returns a Check of the pipeline that read reads. It is called once per run, on the check's goroutine.
// A nil read is that of a pipeline that never sees an event.
func NewPipeline(read func() Reading) *Pipeline {
	return &Pipeline{read: read, result: Result{Status: Healthy}, score: 1}
}

// Check implements Check: it takes a reading and judges it. A Pipeline belongs to one registration, since every
// call is the start of the time that the next one judges.
func (p *Pipeline) Check(context.Context) Result {
	if p == nil || p.read == nil {
		return Result{Status: Healthy}
	}
	p.sampling.Lock()
	defer p.sampling.Unlock()
	reading := score.Reading(p.read())
	now := time.Now()
	first := p.at.IsZero()
	if first {
		p.before = reading // what was before is not known, so rates begin with the next reading
	} else if now.Sub(p.at) < minSpan {
		return p.last()
	}
	result := p.judge(reading, now, first)
	p.before, p.at = reading, now
	return result
}

func (p *Pipeline) judge(reading score.Reading, now time.Time, first bool) Result {
	load := score.Between(p.before, reading)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.score = load.Score()
	p.result = Result{Status: Healthy}
	if p.score < degradedBelow {
		p.result = Result{Status: Degraded, Message: fmt.Sprintf("score %.2f: %s", p.score, load.Worst())}
	}
	if reading.Seen() {
		p.trends.latency.Add(max(0, reading.Latency).Seconds(), now)
		p.trends.score.Add(p.score, now)
	}
	if !first {
		arrived := score.Grown(p.before.Events, reading.Events)
		p.trends.throughput.Add(float64(arrived)/now.Sub(p.at).Seconds(), now)
	}
	return p.result
}

func (p *Pipeline) last() Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

// Score returns the score of the last run, 1 before the first.
func (p *Pipeline) Score() float64 {
	if p == nil {
		return 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.score
}

// Trend is the average of a value over the last 1, 5 and 15 minutes. Like the load average of an operating system it
// is exponential: after a change, a window's average has followed it by 63% when the window has passed. The first
// value is taken as it is.
type Trend struct {
	OneMinute, FiveMinutes, FifteenMinutes float64
}

// Trends are where a pipeline is heading. They move at every run of the check, at whatever interval.
type Trends struct {
	Throughput Trend // events that arrived per second, 0 before any
	Latency    Trend // in seconds, 0 before any event
	Score      Trend // from 0 to 1, 1 before any event
}

// Trends returns the trends as of the last run.
func (p *Pipeline) Trends() Trends {
	var l lines
	if p != nil {
		p.mu.Lock()
		l = p.trends
		p.mu.Unlock()
	}
	return Trends{
		Throughput: newTrend(l.throughput.Averages(0)),
		Latency:    newTrend(l.latency.Averages(0)),
		Score:      newTrend(l.score.Averages(1)),
	}
}

func newTrend(a trend.Averages) Trend {
	return Trend{OneMinute: a[0], FiveMinutes: a[1], FifteenMinutes: a[2]}
}
