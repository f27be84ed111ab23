// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// Join is the join of internal/node, and goes with it.
type Join = TableJoin

// NewJoin is NewTableJoin for internal/node, and goes with it.
func NewJoin(t *table.Table, in *event.Schema, key string, out *event.Schema) *Join {
	j, err := NewTableJoin(t, semconv.JoinTypeInner, in, key, nil, out.Stream)
	if err != nil {
		panic(err)
	}
	j.out = out
	return j
}
