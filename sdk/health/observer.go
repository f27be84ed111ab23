// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import "time"

// Overall is the name under which the whole is reported beside its checks. No check can have it.
const Overall = "overall"

// Change is one change of a status.
type Change struct {
	// Check is the name of the check, or Overall.
	Check string
	// From and To differ.
	From, To Status
	// Message says why, if the check said so. It is empty for the whole.
	Message string
	At      time.Time
}

// Worse reports whether the change is one for the worse. Shutting down is neither better nor worse.
func (c Change) Worse() bool {
	return c.To > c.From && c.To > Healthy && c.To != ShuttingDown
}

// Observer hears of everything that a Registry finds out. Any of its functions may be nil. They are called one at a
// time, in the order in which things happened, and outside of the registry's lock, so they may call its methods; they
// must not block, because all checks wait for them. A panic in one is swallowed.
type Observer struct {
	// Added is called for every registered check. What it returns hears of that registration alone, even if the
	// name is registered anew later.
	Added func(Registration) CheckObserver
	// Changed is called when the status of the whole changed.
	Changed func(Change)
}

// Registration is one registered check.
type Registration struct {
	Name     string
	Severity Severity
	Check    Check

	entry *entry
}

// Status returns the present status of this registration's check, after its end the last one. The zero Registration
// is Unknown.
func (r Registration) Status() Status {
	if r.entry == nil {
		return Unknown
	}
	r.entry.registry.mu.Lock()
	defer r.entry.registry.mu.Unlock()
	return r.entry.state.status
}

// CheckObserver hears of one registration. Any of its functions may be nil.
type CheckObserver struct {
	// Ran is called after every run. A run that did not answer in time has taken its timeout.
	Ran func(took time.Duration, failed bool)
	// Panicked is called before Ran, with what the check panicked with.
	Panicked func(value any)
	// Changed is called when the status of the check changed.
	Changed func(Change)
	// Removed is called last, after the check was unregistered or the registry was closed.
	Removed func()
}

// mailbox delivers calls to an Observer, one at a time and in order. Whoever posts while nobody delivers, delivers.
// It is guarded by Registry.mu.
type mailbox struct {
	waiting    []func()
	delivering bool
}

// post appends a call. Registry.mu is held.
func (m *mailbox) post(call func()) {
	m.waiting = append(m.waiting, call)
}

// deliver makes the waiting calls. Registry.mu is not held.
func (r *Registry) deliver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mail.delivering {
		return
	}
	r.mail.delivering = true
	defer func() { r.mail.delivering = false }()
	for len(r.mail.waiting) > 0 {
		call := r.mail.waiting[0]
		r.mail.waiting = r.mail.waiting[1:]
		r.unlocked(call)
	}
}

// unlocked makes a call into the host's code without the lock that the caller holds.
func (r *Registry) unlocked(call func()) {
	r.mu.Unlock()
	defer r.mu.Lock()
	defer func() { _ = recover() }()
	call()
}
