// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// BenchmarkGenerator makes trades. One iteration is one event.
func BenchmarkGenerator(b *testing.B) {
	g, err := NewGenerator(enginetest.Stock, &event.Symbols{}, []string{"A", "B", "C"}, 1)
	if err != nil {
		b.Fatal(err)
	}
	rows := event.NewBatch(enginetest.Stock, 64)
	b.ReportAllocs()
	for i := 0; i < b.N; i += 64 {
		rows.Truncate(0)
		_ = g.Read(rows, 64, int64(i))
	}
}

// BenchmarkJSON decodes a posted body of 100 events. One iteration is one event.
func BenchmarkJSON(b *testing.B) {
	var body strings.Builder
	for i := range 100 {
		fmt.Fprintf(&body, "{\"timestamp\":%d,\"symbol\":\"S%d\",\"price\":%d.25,\"volume\":%d}\n", 1700000000000+i, i%10, i, i)
	}
	j, rows := JSON{enginetest.Stock, &event.Symbols{}}, event.NewBatch(enginetest.Stock, 100)
	b.ReportAllocs()
	for i := 0; i < b.N; i += 100 {
		rows.Truncate(0)
		if err := j.Append(rows, []byte(body.String()), 0); err != nil {
			b.Fatal(err)
		}
	}
}
