// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// series is one attribute set of one family. Its fields are guarded by Registry.mu, except for the cells
// and readers, which are safe by themselves, and last, which belongs to the collection.
type series struct {
	attrs     attribute.Set
	start     int64 // Unix nanoseconds
	total     cells.Counter
	histogram *cells.Histogram
	readers   atomic.Pointer[[]*reader] // the list is never changed in place; nil if there are none
	last      *reported                 // delta temporality only
	index     int32                     // position in table.list
	refs      int32                     // open bindings; at zero the series is exported once more and then forgotten
}

// functions returns the functions that take part in the series.
func (s *series) functions() []*reader {
	if list := s.readers.Load(); list != nil {
		return *list
	}
	return nil
}

// setFunctions replaces them.
func (s *series) setFunctions(list []*reader) {
	if len(list) == 0 {
		s.readers.Store(nil)
		return
	}
	s.readers.Store(&list)
}

// reader is one function that is called at collection.
type reader struct {
	read    func() float64
	closed  atomic.Bool
	running atomic.Bool // a call has not returned

	// The answer at this collection, which owns it.
	value    float64
	answered bool
}

func newSeries(f *Family, attrs attribute.Set, now time.Time) *series {
	s := &series{attrs: attrs, start: now.UnixNano()}
	if f.Kind == Histogram {
		s.histogram = cells.NewHistogram(f.Bounds, f.perUnit())
	}
	return s
}

// reported is how far the collection before has exported a series.
type reported struct {
	at     time.Time
	value  float64
	sum    int64
	counts []uint64
}
