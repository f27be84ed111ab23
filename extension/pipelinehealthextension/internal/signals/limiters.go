// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"context"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
)

// Limiters asks every registered limiter for what it knows. The zero value has
// no limiters. It is safe for concurrent use.
type Limiters struct {
	sources[cardinalityview.Source]
}

// Reports returns the report of each limiter, by its ID: never nil.
func (l *Limiters) Reports(top int, limits []int) []cardinalityview.Report {
	reports := []cardinalityview.Report{}
	for _, source := range l.all() {
		reports = append(reports, (*source).Cardinality(top, limits))
	}
	slices.SortStableFunc(reports, func(a, b cardinalityview.Report) int { return strings.Compare(a.Processor, b.Processor) })
	return reports
}

// Drain asks each limiter to hand on what it holds, and returns how many points
// would be lost now.
func (l *Limiters) Drain(ctx context.Context) (held int) {
	for _, source := range l.all() {
		if d, ok := (*source).(cardinalityview.Drainer); ok {
			held += d.Drain(ctx)
		}
	}
	return held
}
