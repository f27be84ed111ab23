// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/cpushare"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// Query is one deployed query; while it is open it counts in query.active.count. Bind it once at deploy and
// close it at undeploy: two open handles of one id count as two queries and share their series.
//
// All methods are safe for concurrent use and legal on a nil Query.
type Query struct {
	handle

	app      *App
	id       string
	rootName string
	bucket   bucket  // traces started
	late     bucket  // batches traced after the fact
	labels   *labels // made by labelsOnce
	latency  *cells.Histogram
	batches  *cells.Counter
	busy     *cells.Counter // nanoseconds, like blocked
	blocked  *cells.Counter
	errors   errorCounters
	buffer   reading
	waiting  reading
	state    reading

	labelsOnce sync.Once

	mu      sync.Mutex
	inputs  []*Input
	outputs []*Output
	windows []*Window
	custom  map[string]*customColumn
	workers map[*Worker]struct{} // whose ledgers a collection publishes
	held    bool                 // the app holds on to the query
}

// Query binds the query id and begins to export its series, all of them from zero. Past the limits of Metrics its
// counts go to the overflow series; past Metrics.MaxSeries open handles, App.Close does not close it.
func (a *App) Query(id string) *Query {
	if a == nil {
		return nil
	}
	q := &Query{app: a, id: id, rootName: "query.execute " + id}
	key := semconv.QueryID(id)
	q.held = a.open(&q.handle, key)
	q.bucket.setRate(a.sdk.perQuery)
	q.late.setRate(a.sdk.perQuery)

	active, release := a.sdk.registry.Counter(family(semconv.QueryActiveCount))
	active.Add(1)
	q.own.release(func() { active.Add(-1); release() })

	q.latency = q.buckets(semconv.QueryLatency, q.attrs)
	q.batches = q.total(semconv.QueryBatches, q.attrs)
	q.busy = q.total(semconv.QueryBusyTime, q.attrs)
	q.blocked = q.total(semconv.QueryBlockedTime, q.attrs)
	q.errors.bind(&q.handle, semconv.QueryExecutionErrors)
	q.buffer.bind(family(semconv.QueryBufferUtilization), key)
	q.waiting.bind(family(semconv.QueryBufferSize), key)
	q.state.bind(family(semconv.QueryStateSize), key)
	q.own.release(q.buffer.close)
	q.own.release(q.waiting.close)
	q.own.release(q.state.close)
	if q.held && q.sdk.registry != nil {
		q.shareCPU()
		q.sdk.collected.add(q)
		q.own.release(func() { q.sdk.collected.remove(q) })
	}
	return q
}

// shareCPU lets the query take part in the CPU time of the process.
func (q *Query) shareCPU() {
	entry := &cpushare.Entry{Busy: q.busy, CPU: q.total(semconv.QueryCPUTime, q.attrs)}
	q.sdk.cpu.Open(entry)
	q.own.release(func() { q.sdk.cpu.Close(entry) })
}

// Input is a stream that a query reads.
type Input struct {
	query  *Query
	index  int
	stream string
	total  *cells.Counter
}

// Input binds query.events.processed{query.id, stream.name}. A second call with the same name returns the same
// handle.
func (q *Query) Input(stream string) *Input {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.IndexFunc(q.inputs, func(in *Input) bool { return in.stream == stream }); i >= 0 {
		return q.inputs[i]
	}
	in := &Input{query: q, index: len(q.inputs), stream: stream}
	total, release := q.sdk.registry.Counter(family(semconv.QueryEventsProcessed), semconv.QueryID(q.id), semconv.StreamName(stream))
	in.total = total
	q.own.release(release)
	q.inputs = append(q.inputs, in)
	return in
}

// Output is a stream that a query writes.
type Output struct {
	query  *Query
	index  int
	stream string
	total  *cells.Counter
}

// Output binds query.events.emitted{query.id, output.stream}. A second call with the same name returns the same
// handle.
func (q *Query) Output(stream string) *Output {
	if q == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.IndexFunc(q.outputs, func(out *Output) bool { return out.stream == stream }); i >= 0 {
		return q.outputs[i]
	}
	out := &Output{query: q, index: len(q.outputs), stream: stream}
	total, release := q.sdk.registry.Counter(family(semconv.QueryEventsEmitted), semconv.QueryID(q.id), semconv.OutputStream(stream))
	out.total = total
	q.own.release(release)
	q.outputs = append(q.outputs, out)
	return out
}

// Errors declares the values of error.type that this query can report, so that each is exported from zero. Any
// other type is counted as "_OTHER", which is always declared. Calls add up.
func (q *Query) Errors(types ...string) {
	if q != nil {
		q.errors.declare(types...)
	}
}

// BufferFunc reports query.buffer.utilization{query.id}. f returns the share of the input buffer in use, 0 to 1;
// it is called at every collection on a goroutine of the SDK and should return at once. A second call replaces
// the first, nil takes it away.
func (q *Query) BufferFunc(f func() float64) {
	if q != nil {
		q.buffer.set(q.sdk.registry, f)
	}
}

// BufferSizeFunc reports eventflux.query.buffer.size{query.id}: the bytes that wait in the query's buffers. f is
// called like that of BufferFunc.
func (q *Query) BufferSizeFunc(f func() int64) {
	if q != nil {
		q.waiting.set(q.sdk.registry, asFloat(f))
	}
}

// StateFunc reports eventflux.query.state.size{query.id}: the bytes of the query's state, its windows included. f
// is called like that of BufferFunc.
func (q *Query) StateFunc(f func() int64) {
	if q != nil {
		q.state.set(q.sdk.registry, asFloat(f))
	}
}

// Logger returns a logger with target "eventflux::query" that puts query.id on every record, and stream.name if
// an Input is bound. It allocates; keep the result.
func (q *Query) Logger() *slog.Logger {
	if q == nil {
		return slog.New(slog.DiscardHandler)
	}
	logger := q.sdk.logger.With("target", "eventflux::query", string(semconv.QueryIDKey), q.id)
	if stream := q.firstInput(); stream != "" {
		logger = logger.With(string(semconv.StreamNameKey), stream)
	}
	return logger
}

// Close ends the query: it leaves query.active.count, and its series are exported once more and then end. Close
// the workers first, or end their batches. Closing twice is fine.
func (q *Query) Close() {
	if q != nil {
		q.own.close()
	}
}

func (q *Query) firstInput() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.inputs) == 0 {
		return ""
	}
	return q.inputs[0].stream
}

func (q *Query) firstOutput() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.outputs) == 0 {
		return ""
	}
	return q.outputs[0].stream
}
