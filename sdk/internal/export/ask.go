// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"sync"
	"time"
)

// patience is how long a function of the host may take at a collection; it is noticed within twice that.
const patience = time.Second

// question is one function to be asked for its value.
type question struct {
	family *Family
	reader *reader
}

// ask asks the functions of all batches for their values, which are then in reader.value and reader.answered until
// the next collection. They run one after the other on a goroutine of their own, because one that hangs must not
// take all the metrics with it: then it is left behind, and another goroutine asks the rest. A function that was
// left behind is not asked again before it has returned.
func (r *Registry) ask(batches []batch) {
	var questions []question
	for _, b := range batches {
		for _, s := range b.series {
			for _, rd := range s.functions() {
				rd.value, rd.answered = 0, false
				if !rd.closed.Load() && !rd.running.Load() {
					questions = append(questions, question{b.family, rd})
				}
			}
		}
	}
	for len(questions) > 0 {
		in := &interview{registry: r, questions: questions, done: make(chan struct{})}
		go in.run()
		questions = in.wait()
	}
}

// interview is one goroutine asking functions.
type interview struct {
	registry  *Registry
	questions []question
	done      chan struct{}

	mu        sync.Mutex
	at        int // the question that is being asked
	abandoned bool
}

func (in *interview) run() {
	defer close(in.done)
	for i, q := range in.questions {
		if !in.begin(i) {
			return
		}
		q.reader.running.Store(true)
		var value float64
		answered := !q.reader.closed.Load() && in.registry.guarded(q.family.Name, func() { value = q.reader.read() })
		q.reader.running.Store(false)
		if !in.note(q.reader, value, answered) {
			return
		}
	}
}

// begin says which question comes now, and reports whether anybody still waits for the answer.
func (in *interview) begin(i int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.at = i
	return !in.abandoned
}

// note keeps an answer, if anybody still waits for it.
func (in *interview) note(rd *reader, value float64, answered bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.abandoned {
		return false
	}
	rd.value, rd.answered = value, answered && number(value)
	return true
}

// wait waits for the answers. It returns the questions that are left if a function hangs.
func (in *interview) wait() []question {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for seen := -1; ; {
		select {
		case <-in.done:
			return nil
		case <-tick.C:
			at, hangs := in.progress(seen)
			if hangs {
				in.registry.opts.OnHang(in.questions[at].family.Name)
				return in.questions[at+1:]
			}
			seen = at
		}
	}
}

// progress returns the question that is being asked, and abandons the interview if that is still the one of before.
func (in *interview) progress(before int) (at int, hangs bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.abandoned = in.at == before
	return in.at, in.abandoned
}
