// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package heartbeat is the contract between components that have a loop of their
// own and the component that says whether the process lives, the pipeline_health
// extension. A loop that stops turning is a deadlock in our own code, the one
// thing that only a restart cures.
package heartbeat

import (
	"time"

	"go.opentelemetry.io/collector/component"
)

// Loop is one loop of a component. Its methods are called by the loop alone, take
// no lock and do not block.
type Loop interface {
	// Turn says that the loop turns.
	Turn()
	// Away says that until the next Turn the loop waits for somebody else, such as
	// the next component or a disk. That may take as long as it takes: a restart
	// would not make them answer.
	Away()
}

// Registry is implemented by an extension that watches loops.
type Registry interface {
	// RegisterLoop adds a loop that turns at least once in every, and returns the
	// function that removes it again. Both are safe for concurrent use; removing
	// twice does nothing.
	RegisterLoop(owner component.ID, what string, every time.Duration) (loop Loop, unregister func())
}

// Register registers a loop with an extension. With one that watches no loops, or
// none, the loop is watched by nobody.
func Register(extension any, owner component.ID, what string, every time.Duration) (loop Loop, unregister func()) {
	if registry, ok := extension.(Registry); ok {
		return registry.RegisterLoop(owner, what, every)
	}
	return Unwatched{}, func() {}
}

// Unwatched is a loop that nobody watches.
type Unwatched struct{}

// Turn implements [Loop].
func (Unwatched) Turn() {}

// Away implements [Loop].
func (Unwatched) Away() {}
