// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

// Report says who is to blame, in a form that is stable and ready for JSON.
type Report struct {
	Totals  Totals   `json:"totals"`
	Metrics []Metric `json:"metrics"`
	WhatIf  []WhatIf `json:"what_if"`
}

// Totals are over all cases, evicted ones included; RefusedSeries and Demand are over those
// present, RefusedPoints counts the unattributed, too.
type Totals struct {
	Cases         int    `json:"cases"`
	RefusedPoints uint64 `json:"refused_points"`
	RefusedSeries int    `json:"refused_series"`
	Demand        int    `json:"demand"`
	// EvictedCases made room for others.
	EvictedCases uint64 `json:"evicted_cases"`
	// UnattributedPoints were refused when there was no room for their case.
	UnattributedPoints uint64 `json:"unattributed_points"`
	// UnattributedSeries were admitted late when there was no room for their case.
	UnattributedSeries uint64 `json:"unattributed_series"`
}

// Metric is one metric of one tenant.
type Metric struct {
	Tenant string `json:"tenant"`
	Metric string `json:"metric"`
	Limit  int    `json:"limit"`
	Used   int    `json:"used"`
	// Demand estimates how many series it would have without a limit.
	Demand        int    `json:"demand"`
	RefusedPoints uint64 `json:"refused_points"`
	// RefusedSeries estimates the series refused in this window and the one before.
	RefusedSeries int `json:"refused_series"`
	// NewSeries estimates how many of them were not refused in the window before: churn.
	NewSeries int `json:"new_series"`
	// SeenSeries estimates the series refused or admitted late, in one full window.
	SeenSeries int `json:"seen_series"`
	// WithoutResource estimates how many of them would remain if they were told apart by
	// their attributes alone.
	WithoutResource int        `json:"without_resource"`
	Blame           string     `json:"blame"`
	BlamedKey       string     `json:"blamed_key,omitempty"`
	Keys            []KeyStats `json:"keys"`
}

// KeyStats is one attribute key of a Metric.
type KeyStats struct {
	Key string `json:"key"`
	// Others marks the entry of all keys beyond those told apart; it has no name.
	Others bool `json:"others,omitempty"`
	// Values estimates the distinct values.
	Values int `json:"values"`
	// Remaining estimates how many of the series seen would remain without the key and the
	// resource.
	Remaining int      `json:"remaining"`
	Samples   []Sample `json:"samples"`
}

// Sample is one value of a key, shortened and redacted.
type Sample struct {
	Value string `json:"value"`
	// Series is how many of the series seen of late had it, at least. Those of the window
	// before count half, and one that was forgotten and came again counts twice.
	Series int `json:"series"`
}

// WhatIf is what another limit per metric would do to the metrics of all cases. Metrics
// that are not under pressure have no case and are not in it: a limit below half of what
// they have now would refuse more.
type WhatIf struct {
	Limit         int `json:"limit"`
	RefusedSeries int `json:"refused_series"`
	Metrics       int `json:"metrics"`
}

// Explain returns what is known of a case, to the first one who asks after it is known what
// to blame. It returns false to all others.
func (b *Board) Explain(c *Case, at time.Time) (Metric, bool) {
	r := b.find(c)
	if r == nil || r.explained.Load() { // which is so for all but one call
		return Metric{}, false
	}
	return r.explain(b.since(at))
}

func (r *record) explain(now int64) (Metric, bool) {
	if !r.understood() || !r.explained.CompareAndSwap(false, true) {
		return Metric{}, false
	}
	return r.view(now, nil).detailed(), true
}

func (r *record) understood() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sight.blame != Unknown
}

// Evicted returns how many cases made room for others.
func (b *Board) Evicted() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.evicted
}

const (
	reportedKeys    = 5
	reportedSamples = 5
)

// Usage returns how many series a case has and may have.
type Usage func(c Case) (used, limit int)

// Report returns the n cases with the largest demand, and what other limits would do.
// Without a usage, demand is what was refused alone. Windows that ended before at are
// closed first. It takes about 10 µs per case and holds the lock of one case at a time.
func (b *Board) Report(at time.Time, n int, whatIf []int, usage Usage) Report {
	now := b.since(at)
	b.mu.Lock()
	records := b.table.Load().records
	report := Report{Totals: Totals{
		Cases: len(records), RefusedPoints: b.evictedPoints, EvictedCases: b.evicted,
	}}
	b.mu.Unlock()
	report.Totals.UnattributedSeries = b.turnedAway[0].Load()
	report.Totals.UnattributedPoints = b.turnedAway[1].Load()
	report.Totals.RefusedPoints += report.Totals.UnattributedPoints

	all := make([]view, len(records))
	for i, r := range records {
		all[i] = r.view(now, usage)
		report.Totals.RefusedPoints += all[i].metric.RefusedPoints
		report.Totals.RefusedSeries += all[i].metric.RefusedSeries
		report.Totals.Demand += all[i].metric.Demand
	}
	report.WhatIf = suppose(all, whatIf)

	slices.SortFunc(all, compareViews)
	report.Metrics = make([]Metric, 0, min(max(n, 0), len(all)))
	for _, v := range all[:cap(report.Metrics)] {
		report.Metrics = append(report.Metrics, v.detailed())
	}
	return report
}

// view is a case in a report.
type view struct {
	metric Metric
	record *record
}

func (r *record) view(now int64, usage Usage) view {
	m := Metric{Tenant: r.tenantName, Metric: r.metricName, RefusedPoints: r.points.Load()}
	if usage != nil {
		m.Used, m.Limit = usage(Case{
			Tenant: r.tenant, Metric: r.metric, TenantName: r.tenantName, MetricName: r.metricName,
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	var both Sketch
	both.CopyFrom(&r.wanted[1])
	both.Merge(&r.wanted[0])
	m.RefusedSeries = both.Estimate()
	m.NewSeries = max(m.RefusedSeries-r.wanted[1].Estimate(), 0)
	m.Demand = m.Used + m.RefusedSeries
	return view{metric: m, record: r}
}

// detailed adds what is only worked out for the cases shown.
func (v view) detailed() Metric {
	m, r := v.metric, v.record
	r.mu.Lock()
	defer r.mu.Unlock()
	m.SeenSeries = r.seen.size()
	m.WithoutResource = min(r.sums.size(), m.SeenSeries)
	m.Blame = r.sight.blame.String()
	m.BlamedKey = string(clip(nil, r.sight.key, maxNameRunes))
	m.Keys = make([]KeyStats, 0, len(r.keys)+1)
	for _, k := range r.keys {
		m.Keys = append(m.Keys, k.stats(m.WithoutResource))
	}
	if r.others != nil {
		others := r.others.stats(m.WithoutResource)
		others.Others = true
		m.Keys = append(m.Keys, others)
	}
	slices.SortFunc(m.Keys, func(a, b KeyStats) int {
		return cmp.Or(cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(b.Values, a.Values), cmp.Compare(a.Key, b.Key))
	})
	m.Keys = m.Keys[:min(len(m.Keys), reportedKeys)]
	return m
}

// stats shows a key. Without it not more can remain than with it, whatever the estimates say.
func (k *key) stats(whole int) KeyStats {
	return KeyStats{
		Key:       string(clip(nil, k.name, maxNameRunes)),
		Values:    k.values.size(),
		Remaining: min(k.rest.size(), whole),
		Samples:   samplesOf(k.top.Heaviest(samples)),
	}
}

// samplesOf adds up values that look the same once they are shortened and redacted.
func samplesOf(values []spacesaving.Heavy) []Sample {
	shown := make([]Sample, 0, len(values))
	for _, v := range values {
		i := slices.IndexFunc(shown, func(s Sample) bool { return s.Value == v.Label })
		if i < 0 {
			i = len(shown)
			shown = append(shown, Sample{Value: v.Label})
		}
		shown[i].Series += int(math.Round(v.Count - v.Excess))
	}
	slices.SortFunc(shown, func(a, b Sample) int {
		return cmp.Or(cmp.Compare(b.Series, a.Series), cmp.Compare(a.Value, b.Value))
	})
	return shown[:min(len(shown), reportedSamples)]
}

// compareViews orders by demand, then by what was refused, then by name.
func compareViews(a, b view) int {
	return cmp.Or(
		cmp.Compare(b.metric.Demand, a.metric.Demand),
		cmp.Compare(b.metric.RefusedPoints, a.metric.RefusedPoints),
		cmp.Compare(a.metric.Tenant, b.metric.Tenant),
		cmp.Compare(a.metric.Metric, b.metric.Metric),
		cmp.Compare(a.record.tenant, b.record.tenant),
		cmp.Compare(a.record.metric, b.record.metric),
	)
}

func suppose(all []view, limits []int) []WhatIf {
	answers := make([]WhatIf, 0, len(limits))
	for _, limit := range limits {
		answer := WhatIf{Limit: limit}
		for _, v := range all {
			if over := v.metric.Demand - limit; over > 0 {
				answer.RefusedSeries += over
				answer.Metrics++
			}
		}
		answers = append(answers, answer)
	}
	return answers
}
