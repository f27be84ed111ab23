// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/control"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/fault"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// openControl answers on-demand queries and takes faults, if there is to be a
// control endpoint.
func (n *Node) openControl() error {
	if n.opts.Control == "" {
		return nil
	}
	server, err := control.Listen(n.opts.Control, n.handle, control.Engine{
		Table: n.askTable, Aggregation: n.askAggregation, Errors: n.askErrors,
		Totals:     func(context.Context, control.Ask) (any, error) { return n.Totals(), nil },
		Faults:     func(context.Context, control.Ask) (any, error) { return n.ops.faults.List(), nil },
		StartFault: n.startFault, StopFault: n.stopFault,
	})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, closer(func() error { server.Close(); return nil }))
	n.logger.Info("control endpoint listens", "address", server.Addr)
	return nil
}

// known gives texts the ids that they have. A text that nothing holds gets one
// that nothing has, so that questions add nothing to the table.
type known struct{ *event.Symbols }

// Intern implements expr.Names.
func (k known) Intern(text string) (event.ID, error) {
	if id, ok := k.Find(text); ok {
		return id, nil
	}
	return math.MaxUint32, nil
}

func (n *Node) askTable(_ context.Context, a control.Ask) (any, error) {
	t, ok := n.parts.Tables[a.Name]
	if !ok {
		return nil, fmt.Errorf("table %q is %w; there are %s", a.Name, control.ErrNotFound, list(n.parts.Tables))
	}
	where, err := expr.Compile(cmp.Or(a.Where, "1 == 1"), t.Schema, known{n.names})
	if err != nil {
		return nil, err
	}
	rows := []json.RawMessage{}
	scan := t.Scan(func(r event.Row) bool {
		var holds bool
		if holds, err = where.Match(r); holds {
			rows = append(rows, sink.AppendRow(nil, t.Schema, r, n.names))
		}
		return err == nil && len(rows) < a.Limit
	})
	if err == nil {
		err = scan
	}
	return rows, err
}

func (n *Node) askAggregation(_ context.Context, a control.Ask) (any, error) {
	r, ok := n.plan.Aggregations[a.Name]
	if !ok {
		return nil, fmt.Errorf("aggregation %q is %w; there are %s", a.Name, control.ErrNotFound, list(n.plan.Aggregations))
	}
	per, err := time.ParseDuration(a.Per)
	if err != nil {
		return nil, fmt.Errorf("per is %q, want a duration such as 1m", a.Per)
	}
	from, to := a.From, cmp.Or(a.To, time.Now())
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	var groups []event.ID
	if a.Group != "" {
		id, _ := known{n.names}.Intern(a.Group) // never fails
		groups = append(groups, id)
	}
	found, err := r.Find(per, from.UnixNano(), to.UnixNano(), groups...)
	rows := []json.RawMessage{}
	for i := range min(found.Len(), a.Limit) {
		rows = append(rows, sink.AppendRow(nil, found.Schema, found.Row(i), n.names))
	}
	return rows, err
}

func (n *Node) askErrors(_ context.Context, a control.Ask) (any, error) {
	store, ok := n.failures.stores[a.Stream]
	if !ok {
		return nil, fmt.Errorf("an error store for stream %q is %w; there are %s", a.Stream, control.ErrNotFound, list(n.failures.stores))
	}
	return store.List(a.Limit)
}

func (n *Node) startFault(_ context.Context, a control.Ask) (any, error) {
	text := a.Kind
	if a.Value != "" {
		text += "=" + a.Value
	}
	if a.For != "" {
		text += "+" + a.For
	}
	f, err := fault.Parse(text)
	if err != nil {
		return nil, err
	}
	n.ops.faults.Start(f)
	return n.ops.faults.List(), nil
}

func (n *Node) stopFault(_ context.Context, a control.Ask) (any, error) {
	f, err := fault.Parse(a.Name)
	if err != nil {
		return nil, err
	}
	n.ops.faults.Stop(f.Kind)
	return n.ops.faults.List(), nil
}

// list names what there is, for whoever asked for something else.
func list[T any](of map[string]T) string {
	if len(of) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}
