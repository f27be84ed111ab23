// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package engines keeps the list of engines that a receiver has heard of and
// judges who of them is alive.
//
// There are three kinds of evidence against an engine: a goodbye, the end of its
// last connection, and exports that it missed. Where another receiver stands
// nearer to the engine, what that one reports is the evidence. An open connection that carries
// one engine alone outweighs missed exports for SilentAtMost: the server's
// keep-alive ends it when nobody is there, but a proxy may hold it. The package
// has no clock: every call that needs the time takes it as now.
package engines

import (
	"cmp"
	"container/list"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/clock"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
)

// maxStreams bounds the stream names remembered for one engine. An engine with
// more reports this many.
const maxStreams = 4096

// Identity names one engine process: service.namespace, if any, service.name and
// service.instance.id.
type Identity struct {
	Namespace string
	Name      string
	Instance  string
}

// Limits bound what is remembered and say when silence becomes a verdict.
type Limits struct {
	// Max is the number of engines remembered. The one that was silent longest
	// goes first. At least 1.
	Max int
	// SilentAfter is how long an engine may at least send nothing before it
	// counts as silent. It is longer for engines whose export interval is long:
	// six intervals.
	SilentAfter time.Duration
	// SilentAtMost bounds the six intervals, and is the time for an engine of
	// which fewer than three exports are known or which holds a connection. At
	// least SilentAfter, else it has no effect.
	SilentAtMost time.Duration
	// Grace is how long an engine that lost its last connection may take to come
	// back.
	Grace time.Duration
	// ForgetAfter is how long a silent or stopped engine stays on the list.
	ForgetAfter time.Duration
}

// Registry is the list of engines. It is safe for concurrent use.
type Registry struct {
	limits Limits
	seed   maphash.Seed // of the names of streams, which are only counted

	mu      sync.Mutex
	byID    map[Identity]*list.Element
	recency *list.List // of *engine, last seen in front
	evicted int64
	changed bool // see Changed

	// Goodbyes of senders that are not on the list: signals travel apart, so
	// the last metrics of an engine may come after its goodbye.
	goodbyes map[Identity]*list.Element
	farewell *list.List // of goodbye, newest in front

	// Open connections on which an engine on the list was heard.
	connections map[Connection]*connection
	// Open connections over which reports came.
	reporters map[Connection]struct{}
}

type engine struct {
	id                  Identity
	version             string
	resource            pcommon.Map
	since               time.Time // on the list
	firstSeen, lastSeen time.Time
	direct              time.Time // last heard from the engine itself, zero before
	told                engineview.State
	process             process
	skew                skew
	report              report
	lessons             lessons
	principal           string    // who uses the identity, empty for nobody known
	claimed             bool      // by another principal, which has been told
	goodbye             time.Time // zero while it runs
	leaving             time.Time // when it last said that it is about to end
	rhythm              rhythm
	connections         []Connection // open, and of this engine alone
	disconnected        time.Time    // zero when data came after the last connection ended
	queries, memory     int64
	streams             map[uint64]int64 // by hash of the name, when each was last reported, in nanoseconds
	pipeline            verdict
	state               verdict
	runtime             verdict
	ledger              ledger
	account             *Account
	names               contract.Names
	clock               clock.Clock
}

type goodbye struct {
	id Identity
	at time.Time
}

// verdict is what an engine said of one of its parts, and when.
type verdict struct {
	health engineview.Health
	at     time.Time
}

// New returns an empty registry.
func New(limits Limits) *Registry {
	return &Registry{
		limits:  limits,
		seed:    maphash.MakeSeed(),
		byID:    make(map[Identity]*list.Element),
		recency: list.New(),

		goodbyes: make(map[Identity]*list.Element),
		farewell: list.New(),

		connections: make(map[Connection]*connection),
		reporters:   make(map[Connection]struct{}),
	}
}

// Add records that the engine sent something that only engines send. It
// reports whether the engine was not on the list before.
func (r *Registry) Add(id Identity, version string, now time.Time) (added bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		e := el.Value.(*engine)
		if e.rhythm.interval() != 0 && now.Sub(e.rhythm.last) >= r.patience(e) {
			e.rhythm = rhythm{} // what it kept before it fell silent may not hold
		}
		e.rhythm.beat(now)
		r.touch(el, version, now)
		return false
	}
	e := r.insert(id, now).Value.(*engine)
	e.version = version
	e.rhythm.beat(now)
	return true
}

// insert puts an engine on the list, which then has at most Max.
func (r *Registry) insert(id Identity, now time.Time) *list.Element {
	if len(r.byID) >= r.limits.Max {
		r.remove(r.recency.Back())
		r.evicted++
	}
	e := &engine{
		id: id, resource: pcommon.NewMap(), since: now, firstSeen: now, lastSeen: now, goodbye: r.recall(id, now),
		account: new(Account),
	}
	id.Put(e.resource)
	el := r.recency.PushFront(e)
	r.byID[id] = el
	r.changed = true
	return el
}

// Touch records that something arrived from id. Senders that were never added
// are not engines as far as is known, and stay off the list.
func (r *Registry) Touch(id Identity, version string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.byID[id]; ok {
		r.touch(e, version, now)
	}
}

// touch refreshes an entry. The last flush of an engine may arrive after its
// goodbye, so data revives a stopped engine only once SilentAfter has passed.
func (r *Registry) touch(el *list.Element, version string, now time.Time) {
	e := el.Value.(*engine)
	if !e.goodbye.IsZero() {
		if now.Sub(e.goodbye) < r.limits.SilentAfter {
			return
		}
		e.goodbye = time.Time{}
		e.firstSeen = now
	}
	e.disconnected = time.Time{}
	if now.Sub(e.report.broken) > oneExport { // what was under way at its end says nothing
		e.report.broken = time.Time{}
	}
	if e.told != engineview.StateUp && !r.follows(e, now) {
		r.changed = true
	}
	if version != "" {
		e.version = version
	}
	if now.After(e.lastSeen) {
		e.lastSeen = now
	}
	r.recency.MoveToFront(el)
}

// Queries records the number of running queries that the engine reported.
func (r *Registry) Queries(id Identity, running int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).queries = running
	}
}

// Leaving records that the engine says that it is about to end.
func (r *Registry) Leaving(id Identity, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).leaving = now
	}
}

// Memory records how many bytes the engine says that it uses.
func (r *Registry) Memory(id Identity, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).memory = bytes
	}
}

// Streams records that the engine reported on the named streams.
func (r *Registry) Streams(id Identity, names iter.Seq[string], now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return
	}
	e := el.Value.(*engine)
	if e.streams == nil {
		e.streams = make(map[uint64]int64)
	}
	at := now.UnixNano()
	for name := range names {
		stream := maphash.String(r.seed, name)
		if _, known := e.streams[stream]; known || len(e.streams) < maxStreams {
			e.streams[stream] = at
		}
	}
}

// Check records what the engine said of one of its parts. Names that the
// collector has no use for are ignored.
func (r *Registry) Check(id Identity, name string, health engineview.Health, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return
	}
	e := el.Value.(*engine)
	switch name {
	case "event_pipeline":
		e.pipeline = verdict{health, now}
	case "state_backend":
		e.state = verdict{health, now}
	case "query_runtime":
		e.runtime = verdict{health, now}
	}
}

// Goodbye records that the engine announced its end. A sender that is not on
// the list stays off it: its goodbye is kept for SilentAfter, in case its last
// metrics are still on the way. At most Max goodbyes are kept, the newest.
func (r *Registry) Goodbye(id Identity, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el, ok := r.byID[id]; ok {
		el.Value.(*engine).goodbye = now
		r.changed = true
		return
	}
	r.recall(id, now)
	for el := r.farewell.Back(); el != nil; el = r.farewell.Back() {
		expired := now.Sub(el.Value.(goodbye).at) >= r.limits.SilentAfter
		if !expired && len(r.goodbyes) < r.limits.Max {
			break
		}
		if !expired {
			r.evicted++
		}
		r.recall(el.Value.(goodbye).id, now)
	}
	r.goodbyes[id] = r.farewell.PushFront(goodbye{id, now})
}

// recall takes the goodbye of id out of memory. It returns the zero time when
// there is none, or one so old that data after it is of a new life.
func (r *Registry) recall(id Identity, now time.Time) time.Time {
	el, ok := r.goodbyes[id]
	if !ok {
		return time.Time{}
	}
	delete(r.goodbyes, id)
	said := r.farewell.Remove(el).(goodbye)
	if now.Sub(said.at) >= r.limits.SilentAfter {
		return time.Time{}
	}
	return said.at
}

// Engines implements [engineview.Source]. Engines that ended longer than
// ForgetAfter ago leave the list here.
func (r *Registry) Engines(now time.Time) []engineview.Engine {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	seen := make([]engineview.Engine, 0, len(r.byID))
	for el := r.recency.Front(); el != nil; el = el.Next() {
		seen = append(seen, r.view(el.Value.(*engine), now))
	}
	slices.SortFunc(seen, func(a, b engineview.Engine) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.InstanceID, b.InstanceID))
	})
	return seen
}

// Evicted returns how many engines left the list because it was full, and how
// many goodbyes of senders not on it left memory for the same reason.
func (r *Registry) Evicted() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.evicted
}

// forget removes what ended long ago. Recency order lets it stop early; a
// goodbye does not move an entry, and is never older than the last data by
// more than SilentAfter.
func (r *Registry) forget(now time.Time) {
	for el := r.recency.Back(); el != nil; {
		if now.Sub(el.Value.(*engine).lastSeen) < r.limits.ForgetAfter {
			return
		}
		older := el
		el = el.Prev()
		r.remove(older)
	}
}

func (r *Registry) remove(el *list.Element) {
	e := el.Value.(*engine)
	delete(r.byID, e.id)
	for _, on := range e.connections {
		delete(r.connections, on)
	}
	r.recency.Remove(el)
}
