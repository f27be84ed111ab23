// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

var sizes = []int{3, 6, 10, 20}

func attributes(n int) pcommon.Map {
	m := pcommon.NewMap()
	for i := range n {
		m.PutStr(fmt.Sprintf("eventflux.attribute.%02d", i), fmt.Sprintf("value-of-some-length-%d", i))
	}
	return m
}

func BenchmarkSeries(b *testing.B) {
	h := New()
	for _, n := range sizes {
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			m := attributes(n)
			b.ReportAllocs()
			for b.Loop() {
				h.Series(1, 2, m)
			}
		})
	}
}

// BenchmarkMapHash is the alternative: sort the keys, then hash 128 bits.
func BenchmarkMapHash(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("attributes=%d", n), func(b *testing.B) {
			m := attributes(n)
			b.ReportAllocs()
			for b.Loop() {
				pdatautil.MapHash(m)
			}
		})
	}
}
