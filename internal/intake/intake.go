// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package intake is the contract between components that others send to, such as
// the eventflux receiver, and the component that knows when the end begins, the
// pipeline_health extension.
//
// The receiver looks the extension up by the ID in its configuration,
// asserts [Registry] and registers a [Source]. Both sides work alone.
package intake

import (
	"context"

	"go.opentelemetry.io/collector/component"
)

// Step is how far the end has come. Each includes those before it.
type Step uint8

const (
	// Open means that there is no end in sight.
	Open Step = iota
	// NotReady means that load balancers are to look elsewhere. Everything that
	// comes is served.
	NotReady
	// LetGo means that senders that are still connected are asked to leave.
	// Everything that comes is served.
	LetGo
	// Refuse means that what comes would not be delivered any more: its senders are
	// told to try again, elsewhere.
	Refuse
)

// Source is a component that takes data in.
type Source interface {
	// Leave takes a step, which may be taken before: there is no way back. From
	// LetGo on it returns how many connections are left that have yet to go. It does
	// not block and is safe for concurrent use.
	Leave(ctx context.Context, s Step) (left int64)
}

// Registry is implemented by an extension that knows when the end begins.
type Registry interface {
	// RegisterIntake adds a source and returns the function that removes it again.
	// Both are safe for concurrent use; removing twice does nothing.
	RegisterIntake(receiver component.ID, source Source) (unregister func())
}
