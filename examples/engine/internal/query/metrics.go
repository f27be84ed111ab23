// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Metric is a column of results that is exported as a metric of the user's own.
type Metric struct {
	Column string // of the output stream; a Float or an Int
	As     telemetry.Column
}

// metric is a Metric and where its values are.
type metric struct {
	name string
	at   int
	kind event.Type
}

// declare tells the SDK which metrics the query will emit.
func (q *Query) declare() error {
	var columns []telemetry.Column
	for _, m := range q.Metrics {
		at := q.Into.Schema().MustIndex(m.Column)
		q.metrics = append(q.metrics, metric{m.As.Name, at, q.Into.Schema().Columns[at].Type})
		columns = append(columns, m.As)
	}
	if err := q.handle.EmitMetrics(columns...); err != nil {
		return fmt.Errorf("could not deploy query %s: %w", q.ID, err)
	}
	return nil
}

// emitMetrics records the values of every row.
func (q *Query) emitMetrics(rows *event.Batch) {
	for i := range rows.Len() {
		r := rows.Row(i)
		for _, m := range q.metrics {
			v := float64(r.Int(m.at))
			if m.kind == event.Float {
				v = r.Float(m.at)
			}
			q.handle.Emit(m.name, v)
		}
	}
}
