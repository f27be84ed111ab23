// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// New makes a table of texts for internal/node, and goes with it.
func New(names *event.Symbols, rows [][]string) (*Table, error) {
	s := &event.Schema{Stream: "symbols", Columns: []event.Column{{Name: "key", Type: event.Symbol}}}
	for i := range rows[0][1:] {
		s.Columns = append(s.Columns, event.Column{Name: fmt.Sprint("c", i), Type: event.Symbol})
	}
	t, err := Open(Config{Schema: s, Key: "key", Names: names})
	if err != nil {
		return nil, err
	}
	return t, t.Load(rows)
}
