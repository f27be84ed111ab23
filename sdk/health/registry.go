// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of what one engine can register.
const (
	maxChecks = 64
	maxName   = 64
)

// Registry runs checks and knows what came of them. All methods are safe for concurrent use and legal on a nil
// Registry, which has no checks and is healthy.
type Registry struct {
	observer Observer
	loops    sync.WaitGroup

	mu           sync.Mutex
	checks       map[string]*entry
	running      map[*entry]struct{} // those with a goroutine, registered or not
	status       Status
	since        time.Time
	shuttingDown bool
	closed       bool
	mail         mailbox
}

// New returns a Registry without checks, which is Healthy. The zero Observer is one that does not care.
func New(observer Observer) *Registry {
	return &Registry{
		observer: observer,
		checks:   make(map[string]*entry),
		running:  make(map[*entry]struct{}),
		status:   Healthy,
		since:    time.Now(),
	}
}

// Register runs check from now on, first at once, and returns the function that ends this. A name has at most 64
// characters of a-z, 0-9, "_" and ".". It is an error if the name is taken, if check is nil, if an option is out of
// bounds, if there are 64 checks already (an unregistered one that hangs counts until it returns) and after Close.
//
// The function is never nil. It cancels a run that is under way, without waiting for it, and frees the name;
// calling it twice does nothing. On a nil Registry the check never runs, and there is no error.
func (r *Registry) Register(name string, check Check, opts ...Option) (unregister func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	e, err := r.add(name, check, opts)
	if err != nil {
		return func() {}, fmt.Errorf("could not register health check %q: %w", name, err)
	}
	r.deliver()
	return func() { r.remove(e) }, nil
}

func (r *Registry) add(name string, check Check, opts []Option) (*entry, error) {
	set, err := newSettings(opts)
	if err = errors.Join(validateName(name), validateCheck(check), err); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errors.New("the registry is closed")
	case r.checks[name] != nil:
		return nil, errors.New("the name is taken, unregister the other check first")
	case len(r.checks)+r.leftBehind() >= maxChecks:
		return nil, fmt.Errorf("there are %d checks, which is the limit", maxChecks)
	}
	e := newEntry(r, name, check, set)
	r.checks[name], r.running[e] = e, struct{}{}
	r.mail.post(e.added)
	r.refresh(time.Now())
	r.loops.Go(e.loop)
	return e, nil
}

func (r *Registry) remove(e *entry) {
	e.cancel()
	r.mu.Lock()
	if r.checks[e.name] == e {
		delete(r.checks, e.name)
		r.mail.post(e.removed)
		r.refresh(time.Now())
	}
	r.mu.Unlock()
	r.deliver()
}

// SetShuttingDown makes the whole ShuttingDown and not ready, for good. The checks go on until Close, so that the
// report follows the engine through its last work. An engine calls it first of all when it is to end, before it
// stops taking work.
func (r *Registry) SetShuttingDown() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.shuttingDown = true
	r.refresh(time.Now())
	r.mu.Unlock()
	r.deliver()
}

// Close ends all checks and waits for those that run. The registry is ShuttingDown and not live from then on; its
// report keeps the last results.
//
// It waits until ctx ends, and not for a check that has outlived its timeout: nothing can end that one, its
// goroutine stays until it returns by itself. The error names the checks that still run.
func (r *Registry) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	r.closed = true
	for _, e := range r.checks {
		e.cancel()
	}
	r.mu.Unlock()
	r.SetShuttingDown()

	ended := make(chan struct{})
	go func() { r.loops.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	if names := r.names(); len(names) > 0 {
		return fmt.Errorf("could not end health checks, still running: %s", strings.Join(names, ", "))
	}
	return nil
}

// leftBehind counts the checks that were unregistered while they hung. r.mu is held.
func (r *Registry) leftBehind() int {
	n := 0
	for e := range r.running {
		if e.hangs && r.checks[e.name] != e {
			n++
		}
	}
	return n
}

// names lists the checks with a goroutine.
func (r *Registry) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for e := range r.running {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// refresh computes the status of the whole anew. r.mu is held.
func (r *Registry) refresh(now time.Time) {
	status := ShuttingDown
	if !r.shuttingDown {
		status = whole(r.parts())
	}
	if status == r.status {
		return
	}
	change := Change{Check: Overall, From: r.status, To: status, At: now}
	r.status, r.since = status, now
	if r.observer.Changed != nil {
		r.mail.post(func() { r.observer.Changed(change) })
	}
}

func validateName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a name has 1 to %d characters, got %d", maxName, len(name))
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != "" {
		return errors.New(`a name is made of a-z, 0-9, "_" and "."`)
	}
	if name == Overall {
		return errors.New("the name is that of the whole")
	}
	return nil
}

func validateCheck(check Check) error {
	f, isFunc := check.(CheckFunc)
	if check == nil || isFunc && f == nil {
		return errors.New("the check is nil")
	}
	return nil
}
