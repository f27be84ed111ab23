// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// entry is one registration. Its state is guarded by Registry.mu; what observes it is used by mail alone.
type entry struct {
	settings

	registry *Registry
	name     string
	check    Check
	ctx      context.Context //nolint:containedctx // the lifetime of the registration
	cancel   context.CancelFunc
	refs     atomic.Int32 // the loop and the run; at zero nothing of it runs

	state    state
	hangs    bool // a run has outlived its timeout
	observer CheckObserver
}

// outcome is how a run ended.
type outcome struct {
	result   Result
	took     time.Duration
	panicked bool
	panic    any
}

func (o outcome) failed() bool { return o.result.Status == Unhealthy }

func newEntry(r *Registry, name string, check Check, set settings) *entry {
	e := &entry{settings: set, registry: r, name: name, check: check, state: state{since: time.Now()}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.refs.Store(1)
	return e
}

// loop runs the check at every tick until the registration ends. A tick that comes while a run is under way starts
// no other.
func (e *entry) loop() {
	defer e.release()
	ticker := time.NewTicker(e.interval)
	defer ticker.Stop()
	for e.run(ticker.C) {
		select {
		case <-ticker.C:
		case <-e.ctx.Done():
			return
		}
	}
}

// run makes one run and returns when the check has returned. It reports false if the registration ended first.
func (e *entry) run(tick <-chan time.Time) bool {
	ctx, cancel := context.WithTimeout(e.ctx, e.timeout)
	defer cancel()
	timeout := time.NewTimer(e.timeout)
	defer timeout.Stop()
	answer := make(chan outcome, 1)
	e.refs.Add(1)
	go e.call(ctx, time.Now(), answer)
	select {
	case o := <-answer:
		if o.took >= e.timeout && !o.panicked {
			o.result = e.late()
		}
		return e.record(o)
	case <-timeout.C:
		e.setHangs(true)
		return e.record(outcome{result: e.late(), took: e.timeout}) && e.await(answer, tick)
	}
}

// await waits for a run that is late. What it answers comes too late to count.
func (e *entry) await(answer <-chan outcome, tick <-chan time.Time) bool {
	for {
		select {
		case <-answer:
			e.setHangs(false)
			return true
		case <-tick:
			e.judge(e.late())
		case <-e.ctx.Done():
			return false
		}
	}
}

func (e *entry) setHangs(hangs bool) {
	e.registry.mu.Lock()
	defer e.registry.mu.Unlock()
	e.hangs = hangs
}

func (e *entry) late() Result {
	return Result{Status: Unhealthy, Message: fmt.Sprintf("did not answer within %s", e.timeout)}
}

// call runs the host's code. It sends exactly one outcome, whatever that code does.
func (e *entry) call(ctx context.Context, began time.Time, answer chan<- outcome) {
	o := outcome{result: Result{Status: Unhealthy, Message: "ended its goroutine instead of answering"}}
	defer func() {
		if p := recover(); p != nil {
			o.panicked, o.panic = true, p
			o.result = Result{Status: Unhealthy, Message: fmt.Sprintf("panicked: %v", p)}
		}
		o.took = time.Since(began)
		e.release() // first: whoever has the answer may ask what still runs
		answer <- o
	}()
	o.result = e.check.Check(ctx).tidied()
}

// release gives back what one goroutine of the entry held.
func (e *entry) release() {
	if e.refs.Add(-1) > 0 {
		return
	}
	e.registry.mu.Lock()
	defer e.registry.mu.Unlock()
	delete(e.registry.running, e)
}

// record takes the outcome of a run into account. It reports false, and does nothing, if the registration ended.
func (e *entry) record(o outcome) bool {
	o.result.Message = tidy(o.result.Message)
	r := e.registry
	r.mu.Lock()
	if e.ctx.Err() != nil {
		r.mu.Unlock()
		return false
	}
	e.state.ran(o)
	r.mail.post(func() { e.told(o) })
	e.count(o.result)
	r.mu.Unlock()
	r.deliver()
	return true
}

// judge takes a result into account that is not that of a run.
func (e *entry) judge(result Result) {
	r := e.registry
	r.mu.Lock()
	if e.ctx.Err() == nil {
		e.count(result)
	}
	r.mu.Unlock()
	r.deliver()
}

// count makes result the newest one. Registry.mu is held.
func (e *entry) count(result Result) {
	now := time.Now()
	change := Change{Check: e.name, From: e.state.status, Message: result.Message, At: now}
	if !e.state.judge(result, e.threshold, now) {
		return
	}
	change.To = e.state.status
	e.registry.mail.post(func() {
		if e.observer.Changed != nil {
			e.observer.Changed(change)
		}
	})
	e.registry.refresh(now)
}

// added, told and removed are mail.
func (e *entry) added() {
	if add := e.registry.observer.Added; add != nil {
		e.observer = add(Registration{Name: e.name, Severity: e.severity, Check: e.check, entry: e})
	}
}

func (e *entry) told(o outcome) {
	if o.panicked && e.observer.Panicked != nil {
		e.observer.Panicked(o.panic)
	}
	if e.observer.Ran != nil {
		e.observer.Ran(o.took, o.failed())
	}
}

func (e *entry) removed() {
	if e.observer.Removed != nil {
		e.observer.Removed()
	}
}
