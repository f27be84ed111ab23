// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
)

// bindings is what a handle has to give back when it is closed: its series and the handles below it. The zero
// bindings is open and ready to use.
type bindings struct {
	mu       sync.Mutex
	closed   bool
	releases []func()
	parent   *bindings
	children map[*bindings]struct{}
}

// release remembers f for close, or calls it at once if the handle is closed already.
func (b *bindings) release(f func()) {
	b.mu.Lock()
	closed := b.closed
	if !closed {
		b.releases = append(b.releases, f)
	}
	b.mu.Unlock()
	if closed {
		f()
	}
}

// adopt makes child close together with b, at once if b is closed already. It refuses if b has limit children:
// then child lives on its own, and is garbage once its owner lets go of it.
func (b *bindings) adopt(child *bindings, limit int) bool {
	b.mu.Lock()
	closed := b.closed
	if !closed && len(b.children) >= limit {
		b.mu.Unlock()
		return false
	}
	child.parent = b
	if !closed {
		if b.children == nil {
			b.children = make(map[*bindings]struct{})
		}
		b.children[child] = struct{}{}
	}
	b.mu.Unlock()
	if closed {
		child.close()
	}
	return true
}

// close gives everything back, children first. Only the first call does anything.
func (b *bindings) close() {
	b.mu.Lock()
	releases, children := b.releases, b.children
	b.releases, b.children, b.closed = nil, nil, true
	b.mu.Unlock()
	for child := range children {
		child.close()
	}
	for _, f := range releases {
		f()
	}
	if b.parent != nil {
		b.parent.mu.Lock()
		delete(b.parent.children, b)
		b.parent.mu.Unlock()
	}
}

// reading is one series that is read through a function, which may be replaced.
type reading struct {
	family *export.Family
	attrs  []attribute.KeyValue

	mu      sync.Mutex
	closed  bool
	release func()
}

// bind says which series it is.
func (r *reading) bind(f *export.Family, attrs ...attribute.KeyValue) {
	r.family, r.attrs = f, attrs
}

// set installs read in place of the function before; nil only takes that one away.
func (r *reading) set(registry *export.Registry, read func() float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		r.release()
		r.release = nil
	}
	if read != nil && !r.closed {
		r.release = registry.Func(r.family, read, r.attrs...)
	}
}

// close takes the function away for good.
func (r *reading) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.release != nil {
		r.release()
		r.release = nil
	}
}
