// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

func BenchmarkPredicate(b *testing.B) {
	for name, source := range map[string]string{
		"column":   "price >= 5.0",
		"columns":  "price >= 5.0 && volume > 0",
		"computed": "price * volume > 10 || symbol == 'ORCL'",
	} {
		b.Run(name, func(b *testing.B) {
			p, err := Compile(source, stock, &event.Symbols{})
			if err != nil {
				b.Fatal(err)
			}
			r := row(0, 7, 3)
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := p.Match(r); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
