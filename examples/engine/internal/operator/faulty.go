// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// ErrorInjected is the error.type of rows that fail on purpose.
const ErrorInjected = "injected"

// Faulty fails rows on purpose, so that it can be seen what comes of it.
type Faulty struct {
	fail    func() error
	handles Handles
}

// NewFaulty fails each row for which fail returns an error.
func NewFaulty(fail func() error) *Faulty { return &Faulty{fail: fail} }

// Kind implements Operator.
func (f *Faulty) Kind() string { return "fault" }

// Bind implements Operator.
func (f *Faulty) Bind(h Handles) { f.handles = h }

// Process implements Operator.
func (f *Faulty) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	var out *event.Batch // nil while every row passes
	for i := range in.Len() {
		err := f.fail()
		switch {
		case err != nil:
			if out == nil {
				out = event.NewBatch(in.Schema, in.Len())
				for before := range i {
					out.AppendRow(in.Row(before))
				}
			}
			f.handles.refuse(b, in.Row(i), in.Schema, ErrorInjected, err)
		case out != nil:
			out.AppendRow(in.Row(i))
		}
	}
	if out == nil {
		return in
	}
	return out
}
