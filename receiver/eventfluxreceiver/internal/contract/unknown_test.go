// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestUnknownMetricsPassAreTaggedOrDropped(t *testing.T) {
	// Of these the first three are unknown where no engine sends them.
	names := []string{"http.server.duration", "eventflux.typo", "process.cpu.time", "eventflux.custom.orders", "query.latency"}
	for unknown, want := range map[Unknown]struct{ left, tagged, dropped int }{
		Pass: {5, 0, 0}, Tag: {5, 3, 0}, Drop: {2, 0, 3},
	} {
		for _, action := range []Action{Observe, Fix} {
			p := everyRule(action)
			p.Unknown = unknown
			rm := pmetric.NewResourceMetrics()
			for _, name := range names {
				m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
				m.SetName(name)
				m.SetUnit("s")
				m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				m.Histogram().DataPoints().AppendEmpty().Attributes().PutStr("query.id", "q")
			}
			var did Report
			p.CheckMetrics(rm, false, &did)
			var tagged int
			for _, sm := range rm.ScopeMetrics().All() {
				eachPoint(sm.Metrics().At(0), func(attrs pcommon.Map) {
					if v, ok := attrs.Get("eventflux.unknown"); ok && v.Bool() {
						tagged++
					}
				})
			}
			if pointsOf(rm) != want.left || rm.ScopeMetrics().Len() != want.left || tagged != want.tagged {
				t.Errorf("%d: %d points are left, %d tagged, want %+v", unknown, pointsOf(rm), tagged, want)
			}
			if did.Tagged != want.tagged || did.Dropped != want.dropped || did.RejectedItems() != 0 || did.Found[UnknownName] != 1 {
				t.Errorf("%d: did %+v", unknown, did)
			}
		}
	}
}

func TestTheRuleComesBeforeWhatIsDoneWithUnknownMetrics(t *testing.T) {
	p := everyRule(Reject)
	p.Unknown = Drop
	rm := pmetric.NewResourceMetrics()
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("eventflux.typo")
	m.SetEmptyGauge().DataPoints().AppendEmpty()
	var did Report
	p.CheckMetrics(rm, false, &did)
	if did.Rejected[UnknownName] != 1 || did.Dropped != 0 {
		t.Errorf("did %+v, want it rejected, so that the sender is told", did)
	}
}
