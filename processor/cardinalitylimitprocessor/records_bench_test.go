// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

func benchLogs(fill func(m pcommon.Map, i int)) plog.Logs {
	ld := records("bench")
	all := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range benchPoints {
		fill(all.AppendEmpty().Attributes(), i)
	}
	return ld
}

func perRecord(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPoints, "ns/record")
}

// BenchmarkKnownRecords takes records of ten attributes, the values of all of which have a
// place, a thousand different ones of one key among them.
func BenchmarkKnownRecords(b *testing.B) {
	for _, action := range []rule.KeyAction{rule.KeyReplace, rule.KeyObserve} {
		b.Run(fmt.Sprint("logs/", action), func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.Attributes.Action = action
			l := newTestLogs(b, cfg, consumertest.NewNop(), time.Now)
			ld := benchLogs(func(m pcommon.Map, i int) { benchAttributes(m, 10, i) })
			require.NoError(b, l.ConsumeLogs(b.Context(), ld))
			b.ReportAllocs()
			for b.Loop() {
				_ = l.ConsumeLogs(b.Context(), ld)
			}
			perRecord(b)
		})
	}
	b.Run("traces/replace", func(b *testing.B) {
		l := newTestTraces(b, createDefaultConfig().(*Config), consumertest.NewNop(), time.Now)
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for i := range benchPoints {
			benchAttributes(spans.AppendEmpty().Attributes(), 10, i)
		}
		require.NoError(b, l.ConsumeTraces(b.Context(), td))
		b.ReportAllocs()
		for b.Loop() {
			_ = l.ConsumeTraces(b.Context(), td)
		}
		perRecord(b)
	})
}

// BenchmarkRefusedValues takes records of ten attributes, of which one has a value without
// a place, that is only observed, so that it is there the next time.
func BenchmarkRefusedValues(b *testing.B) {
	cfg := createDefaultConfig().(*Config)
	cfg.Attributes.MaxValuesPerAttribute = 1
	cfg.Attributes.Action = rule.KeyObserve
	l := newTestLogs(b, cfg, consumertest.NewNop(), time.Now)
	ld := benchLogs(func(m pcommon.Map, i int) { benchAttributes(m, 10, i) })
	require.NoError(b, l.ConsumeLogs(b.Context(), ld))
	b.ReportAllocs()
	for b.Loop() {
		_ = l.ConsumeLogs(b.Context(), ld)
	}
	perRecord(b)
}

// BenchmarkManyKeys takes records of ten attributes with keys of which most share a slot
// with others, as bad as it can be without a flood.
func BenchmarkManyKeys(b *testing.B) {
	l := newTestLogs(b, createDefaultConfig().(*Config), consumertest.NewNop(), time.Now)
	ld := benchLogs(func(m pcommon.Map, i int) {
		for a := range 10 {
			m.PutStr(fmt.Sprintf("k.%03d.", (10*i+a)%500), "v")
		}
	})
	require.NoError(b, l.ConsumeLogs(b.Context(), ld))
	b.ReportAllocs()
	for b.Loop() {
		_ = l.ConsumeLogs(b.Context(), ld)
	}
	perRecord(b)
}
