// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const benchPoints = 1000

// benchBatch has points with this many attributes, all of them series of their own.
func benchBatch(attributes, from int) pmetric.Metrics {
	md := counter("query.events.processed")
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints()
	for i := range benchPoints {
		p := points.AppendEmpty()
		p.SetIntValue(1)
		p.Attributes().PutStr("query.id", fmt.Sprintf("query-%06d", from+i))
		for a := 1; a < attributes; a++ {
			p.Attributes().PutStr(fmt.Sprintf("eventflux.attribute.%02d", a), fmt.Sprintf("value-of-some-length-%d", a))
		}
	}
	return md
}

func perPoint(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPoints, "ns/point")
}

// BenchmarkKnown is a batch of which every series was admitted before.
func BenchmarkKnown(b *testing.B) {
	for _, attributes := range []int{3, 10, 20} {
		b.Run(fmt.Sprintf("attributes=%d", attributes), func(b *testing.B) {
			l := newTestLimiter(b, createDefaultConfig().(*Config), consumertest.NewNop(), time.Now)
			for from := benchPoints; from <= 100*benchPoints; from += benchPoints {
				require.NoError(b, l.ConsumeMetrics(b.Context(), benchBatch(attributes, from)))
			}
			md := benchBatch(attributes, benchPoints)
			b.ReportAllocs()
			for b.Loop() {
				_ = l.ConsumeMetrics(b.Context(), md)
			}
			perPoint(b)
		})
	}
}

// BenchmarkFolded is a batch of which every point folds. It includes the copy of the
// batch, which BenchmarkCopy measures alone, because folding takes the points out.
func BenchmarkFolded(b *testing.B) {
	l := newTestLimiter(b, limits(1), consumertest.NewNop(), time.Now)
	require.NoError(b, l.ConsumeMetrics(b.Context(), counter("query.events.processed", 1)))
	md := benchBatch(10, 0)
	b.ReportAllocs()
	for b.Loop() {
		batch := pmetric.NewMetrics()
		md.CopyTo(batch)
		_ = l.ConsumeMetrics(b.Context(), batch)
	}
	perPoint(b)
}

func BenchmarkCopy(b *testing.B) {
	md := benchBatch(10, 0)
	b.ReportAllocs()
	for b.Loop() {
		md.CopyTo(pmetric.NewMetrics())
	}
	perPoint(b)
}
