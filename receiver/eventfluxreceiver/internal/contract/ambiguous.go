// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"hash/maphash"
	"strings"
	"sync"
	"unique"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
)

// maxNames bounds the names remembered of one engine. What comes after them is
// compared with them, and not among itself.
const maxNames = 200

// other is put behind a name that Prometheus would spell as another one of the engine.
const other = ".other"

// Names are those of an engine's own metrics, which the conventions do not know:
// the first of each spelling. The zero Names has none. It is safe for concurrent
// use, and of 50 bytes for each name: engines with the same names share them.
type Names struct {
	mu     sync.Mutex
	owners map[uint64]unique.Handle[string] // by hash of the spelling
}

var spellingSeed = maphash.MakeSeed()

// claim returns the name under which Prometheus can tell a metric from the others,
// and the one that its own spelling belongs to if that is another. It allocates
// nothing for a name that was claimed before and is not in the way.
func (n *Names) claim(name string) (as, owner string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for as = name; ; as += other {
		var buffer [128]byte
		spelling := maphash.Bytes(spellingSeed, spell(buffer[:0], as))
		by, taken := n.owners[spelling]
		switch {
		case !taken && len(n.owners) >= maxNames:
			return as, owner
		case !taken:
			if n.owners == nil {
				n.owners = make(map[uint64]unique.Handle[string])
			}
			n.owners[spelling] = unique.Make(strings.Clone(name))
			return as, owner
		case by.Value() == name:
			return as, owner
		case owner == "":
			owner = by.Value()
		}
	}
}

// Distinguish finds metrics of one resource, of the engine's own, whose names
// differ only in what joins their words: Prometheus makes one name of them, and its
// exporter shows one of two series, or drops both of two types. The first that
// came in the life of the engine keeps its name. It comes between Rename and
// CheckMetrics. Without names, for a sender that is no engine, only those of the
// resource are compared. The cost is a look-up for each metric of the engine's own.
func (p *Policy) Distinguish(rm pmetric.ResourceMetrics, names *Names, did *Report) {
	check := func(m pmetric.Metric) (out bool) {
		name := m.Name()
		if !strings.HasPrefix(name, namespace) {
			return false
		}
		if _, known := metricPlans[name]; known {
			return false
		}
		if names == nil {
			names = new(Names)
		}
		return p.ambiguous(m, names, did)
	}
	for _, sm := range rm.ScopeMetrics().All() {
		if p.rejects(AmbiguousName) {
			sm.Metrics().RemoveIf(check)
			continue
		}
		for _, m := range sm.Metrics().All() {
			check(m)
		}
	}
}

// ambiguous checks one metric of the engine's own, and reports whether it is to go.
func (p *Policy) ambiguous(m pmetric.Metric, names *Names, did *Report) (out bool) {
	name := m.Name()
	as, owner := names.claim(name)
	if owner == "" {
		return false
	}
	if did.found(AmbiguousName) {
		did.First[AmbiguousName] = Finding{Rule: AmbiguousName, Name: name, Want: owner}
	}
	switch {
	case p.rejects(AmbiguousName):
		did.Rejected[AmbiguousName] += datapoints.Count(m)
		return true
	case p.fixes(AmbiguousName):
		m.SetName(as)
		did.Repaired[SetAside] += datapoints.Count(m)
	}
	return false
}
