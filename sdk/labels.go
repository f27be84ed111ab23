// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"runtime/pprof"
	"sync"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// labels are the pprof labels of one query's stages, as contexts made once: putting one on a goroutine allocates
// nothing. Stage 0 is the batch outside of any.
type labels [len(shapes)]context.Context

func newLabels(query string) *labels {
	l := new(labels)
	for stage := range l {
		l[stage] = stageLabels(query, shapes[stage]) //nolint:fatcontext // separate contexts, none inside another
	}
	return l
}

func stageLabels(query string, s shape) context.Context {
	pairs := []string{string(semconv.QueryIDKey), query}
	if processor := or(s.processor, s.work); processor != "" {
		pairs = append(pairs, string(semconv.ProcessorTypeKey), processor)
	}
	return pprof.WithLabels(context.Background(), pprof.Labels(pairs...))
}

// of returns the labels of a stage.
func (l *labels) of(stage Stage) context.Context {
	if int(stage) >= len(l) {
		stage = 0
	}
	return l[stage]
}

// profileLabels returns the labels of the query. The first call makes them: most queries are never profiled.
func (q *Query) profileLabels() *labels {
	q.labelsOnce.Do(func() { q.labels = newLabels(q.id) })
	return q.labels
}

// LabelProfiles makes the work on every batch that begins from now on carry the pprof labels query.id and, inside a
// stage, processor.type, until stop is called. Call it around a profile that is to be split by query: while nobody
// does, labels cost a batch nothing. Config.Profiling labels work all the time. Calls nest; it is safe for
// concurrent use.
func (s *SDK) LabelProfiles() (stop func()) {
	if s == nil {
		return func() {}
	}
	s.labelling.Add(1)
	return sync.OnceFunc(func() { s.labelling.Add(-1) })
}

// enterLabel puts the query's label on this goroutine. outer is where the labels to return to are.
func (w *Worker) enterLabel(outer context.Context) {
	w.labels = w.query.profileLabels()
	w.outer, w.stage = outer, 0
	pprof.SetGoroutineLabels(w.labels.of(0))
}

// leaveLabel puts the labels of before the batch on this goroutine.
func (w *Worker) leaveLabel() {
	if w.outer == nil {
		return
	}
	pprof.SetGoroutineLabels(w.outer)
	w.outer, w.labels = nil, nil
}

// label is the part of a Span that profiles see. The zero label does nothing.
type label struct {
	worker *Worker
	batch  uint64 // the worker's batch, and in the low bytes the stage and the one around it
}

// stageBits is how many bits of label.batch a stage takes.
const stageBits = 8

// topLabel returns the label of the open batch outside of any stage.
func (w *Worker) topLabel() label {
	if w.labels == nil {
		return label{}
	}
	return label{worker: w, batch: w.sequence << (2 * stageBits)}
}

// inside puts the label of a stage on the goroutine and returns it.
func (l label) inside(stage Stage) label {
	if l.worker == nil {
		return l
	}
	outer := l.batch >> stageBits & (1<<stageBits - 1)
	inner := label{l.worker, l.batch>>(2*stageBits)<<(2*stageBits) | uint64(stage)<<stageBits | outer}
	inner.put(stage)
	return inner
}

// restore returns to the label of the stage around this one, if this one is still the one that runs.
func (l label) restore() {
	if l.worker != nil && l.worker.stage == Stage(l.batch>>stageBits) {
		l.put(Stage(l.batch))
	}
}

// put puts the label of a stage of l's batch on the goroutine, unless the batch has ended.
func (l label) put(stage Stage) {
	if w := l.worker; w.open && w.sequence<<(2*stageBits) == l.batch>>(2*stageBits)<<(2*stageBits) {
		w.stage = stage
		pprof.SetGoroutineLabels(w.labels.of(stage))
	}
}
