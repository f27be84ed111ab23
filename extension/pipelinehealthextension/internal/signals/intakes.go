// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"context"

	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

// Intakes are the components that others send to. The zero value has none. It is
// safe for concurrent use.
type Intakes struct {
	sources[intake.Source]
}

// Leave tells each how far the end has come, and returns how many connections
// have yet to go.
func (i *Intakes) Leave(ctx context.Context, s intake.Step) (left int64) {
	for _, source := range i.all() {
		left += (*source).Leave(ctx, s)
	}
	return left
}
