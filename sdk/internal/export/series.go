// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

// series is one attribute set of one family. Its fields are guarded by Registry.mu, except for the cells,
// which are safe by themselves.
type series struct {
	attrs     attribute.Set
	start     time.Time
	refs      int // open bindings; at zero the series is exported once more and then forgotten
	counter   *cells.Counter
	histogram *cells.Histogram
	readers   []*reader
}

// reader is one function that is called at collection.
type reader struct {
	read   func() float64
	closed atomic.Bool
}

func newSeries(f *Family, attrs attribute.Set, now time.Time) *series {
	s := &series{attrs: attrs, start: now}
	switch f.Kind {
	case Counter, UpDown:
		s.counter = &cells.Counter{}
	case Histogram:
		s.histogram = cells.NewHistogram(f.Bounds)
	}
	return s
}
