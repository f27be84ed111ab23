// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"sync/atomic"
	"time"
)

// life says whether the goroutine of a query works.
type life struct {
	running atomic.Bool
	err     atomic.Pointer[error] // what ended it before its input did
}

func (l *life) begin() { l.running.Store(true) }
func (l *life) end()   { l.running.Store(false) }

func (l *life) failed(err error) {
	if err != nil {
		l.err.Store(&err)
	}
}

// stuckAfter is how long a query may take nothing although something waits.
const stuckAfter = 10 * time.Second

// Check returns why the query does not work: its goroutine has ended with an
// error, or it has taken nothing for ten seconds although something waits. It
// returns nil before the query runs and after the end of its input. Any
// goroutine may call it.
func (q *Query) Check(now time.Time) error {
	if err := q.life.err.Load(); err != nil {
		return fmt.Errorf("query %s has ended: %w", q.ID, *err)
	}
	if !q.life.running.Load() {
		return nil
	}
	for _, from := range q.From {
		if d := from.Standstill(now); d >= stuckAfter {
			waiting, _ := from.Fill()
			return fmt.Errorf("query %s has taken nothing for %s while %d batches wait", q.ID, d.Round(time.Second), waiting)
		}
	}
	return nil
}
