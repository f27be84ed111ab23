// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// Contracts returns what the engines with the service.instance.id send, lack and
// get wrong, by name. Receivers that do not know are not asked. An engine that
// sends to several receivers is one engine: it lacks what no receiver got.
func (e *Engines) Contracts(instance string) []engineview.Contract {
	var all []engineview.Contract
	for _, s := range e.all() {
		if source, ok := (*s).(engineview.ContractSource); ok {
			all = append(all, source.Contract(instance)...)
		}
	}
	slices.SortStableFunc(all, func(a, b engineview.Contract) int { return strings.Compare(a.Name, b.Name) })
	var merged []engineview.Contract
	for _, c := range all {
		if last := len(merged) - 1; last >= 0 && merged[last].Name == c.Name {
			merged[last] = joinContracts(merged[last], c)
		} else {
			merged = append(merged, c)
		}
	}
	return merged
}

func joinContracts(a, b engineview.Contract) engineview.Contract {
	if b.LastSeen.After(a.LastSeen) {
		a.LastSeen, a.Version = b.LastSeen, cmp.Or(b.Version, a.Version)
	}
	if b.FirstSeen.Before(a.FirstSeen) {
		a.FirstSeen = b.FirstSeen
	}
	lacks := make([]string, 0, len(a.Lacks))
	for _, name := range a.Lacks {
		if slices.Contains(b.Lacks, name) {
			lacks = append(lacks, name)
		}
	}
	a.Lacks = lacks
	a.Sends = slices.Concat(a.Sends, b.Sends)
	slices.Sort(a.Sends)
	a.Sends = slices.Compact(a.Sends)
	a.Violations = joinViolations(a.Violations, b.Violations)
	return a
}

func joinViolations(a, b []engineview.Violation) []engineview.Violation {
	joined := slices.Clone(a)
	for _, v := range b {
		i := slices.IndexFunc(joined, func(w engineview.Violation) bool { return w.Rule == v.Rule })
		if i < 0 {
			joined = append(joined, v)
			continue
		}
		w := &joined[i]
		w.Breaches += v.Breaches
		w.Rejected += v.Rejected
		if v.LastSeen.After(w.LastSeen) {
			w.LastSeen = v.LastSeen
		}
		if v.FirstSeen.Before(w.FirstSeen) {
			w.First, w.FirstSeen = v.First, v.FirstSeen
		}
	}
	return joined
}
