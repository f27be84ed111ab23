// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// quietPeriod is how long the default error handler stays silent after a line: a dead collector fails every
// export, and one line per quietPeriod says as much as one per export.
const quietPeriod = 30 * time.Second

// errorSink receives the failures of the export path. It never blocks for long and never panics.
type errorSink struct {
	handle func(error)
	panics panics

	mu    sync.Mutex
	count uint64
	last  error
}

func newErrorSink(handle func(error)) *errorSink {
	if handle == nil {
		handle = (&stderrLines{now: time.Now, write: writeStderr}).handle
	}
	return &errorSink{handle: handle}
}

// report hands err to the handler, without secrets. A nil sink or error does nothing.
func (e *errorSink) report(err error) {
	if e == nil || err == nil {
		return
	}
	_, err = redact.Error(err)
	e.mu.Lock()
	e.count++
	e.last = err
	e.mu.Unlock()
	defer func() { _ = recover() }() // the handler is the host's
	e.handle(err)
}

// mark returns a position that since understands.
func (e *errorSink) mark() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// since returns the newest error reported after mark, or nil.
func (e *errorSink) since(mark uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == mark {
		return nil
	}
	return e.last
}

// stderrLines is the default error handler: one line per quietPeriod, which says how many it stands for.
type stderrLines struct {
	now   func() time.Time
	write func(line string)

	mu         sync.Mutex
	spoken     time.Time
	suppressed int
}

func (s *stderrLines) handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.spoken.IsZero() && now.Sub(s.spoken) < quietPeriod {
		s.suppressed++
		return
	}
	line := fmt.Sprintf("eventflux telemetry: %v", err)
	if s.suppressed > 0 {
		line += fmt.Sprintf(" (%d more since %s)", s.suppressed, s.spoken.UTC().Format(time.RFC3339))
	}
	s.spoken, s.suppressed = now, 0
	s.write(line)
}

func writeStderr(line string) {
	fmt.Fprintln(stderr(), line)
}
