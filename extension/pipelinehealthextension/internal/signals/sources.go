// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"slices"
	"sync"
)

// sources are the components that registered to be asked. The zero value has
// none. It is safe for concurrent use, and nobody is asked under its lock.
type sources[S any] struct {
	mu         sync.Mutex
	registered []*S
}

// Register adds a component and returns the function that removes it again.
// Removing twice does nothing.
func (s *sources[S]) Register(source S) (unregister func()) {
	// The address tells registrations apart: sources need not be comparable.
	entry := &source
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered = append(s.registered, entry)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.registered = slices.DeleteFunc(slices.Clone(s.registered), func(e *S) bool { return e == entry })
	}
}

func (s *sources[S]) all() []*S {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered
}
