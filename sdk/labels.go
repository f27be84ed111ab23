// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"runtime/pprof"
)

// labels are the pprof labels of one query, as contexts made once: putting one on a goroutine allocates nothing.
type labels struct {
	query  context.Context //nolint:containedctx // a context is how the runtime takes labels
	stages [len(shapes)]context.Context
}

func newLabels(query string) *labels {
	l := &labels{query: pprof.WithLabels(context.Background(), pprof.Labels(string(keyQueryID), query))}
	l.stages[0] = l.query
	for stage := 1; stage < len(shapes); stage++ {
		l.stages[stage] = l.query
		if processor := or(shapes[stage].processor, shapes[stage].work); processor != "" {
			l.stages[stage] = pprof.WithLabels(l.query, pprof.Labels(string(keyProcessor), processor))
		}
	}
	return l
}

// of returns the labels of a stage; stage 0 is the batch outside of any.
func (l *labels) of(stage Stage) context.Context {
	if int(stage) >= len(l.stages) {
		return l.query
	}
	return l.stages[stage]
}

// label puts the query's label on this goroutine. outer is where the labels to return to are.
func (w *Worker) label(outer context.Context) {
	w.outer, w.stage = outer, 0
	pprof.SetGoroutineLabels(w.labels.query)
}

// unlabel puts the labels of before the batch on this goroutine.
func (w *Worker) unlabel() {
	if w.outer == nil {
		return
	}
	pprof.SetGoroutineLabels(w.outer)
	w.outer = nil
}

// labelStage adds the label of a stage that begins.
func (w *Worker) labelStage(sequence uint64, stage Stage) {
	if !w.open || w.sequence != sequence {
		return
	}
	w.stage = stage
	pprof.SetGoroutineLabels(w.labels.of(stage))
}

// unlabelStage returns to the label of outer, if stage is the one that runs.
func (w *Worker) unlabelStage(sequence uint64, stage, outer Stage) {
	if w.open && w.sequence == sequence && w.stage == stage {
		w.labelStage(sequence, outer)
	}
}
