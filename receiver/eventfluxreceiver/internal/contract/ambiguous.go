// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"cmp"
	"hash/maphash"
	"strings"
	"sync"
	"unique"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// maxNames bounds the names remembered of one engine. What comes after them is
// compared with them, and not among itself.
const maxNames = 200

// other is put behind a name that Prometheus would spell as another one of the engine.
const other = ".other"

// Names are those of an engine's own metrics, which the conventions do not know:
// the first of each name that Prometheus makes of them. The zero Names has none. It
// is safe for concurrent use, and of 100 bytes for each name: engines with the same
// names share them.
type Names struct {
	mu     sync.Mutex
	claims map[uint64]claim                 // by hash of name, unit and type
	owners map[uint64]unique.Handle[string] // by hash of the name that is exposed
}

// claim is the name under which Prometheus can tell a metric from the others, and
// the one that its own belongs to if that is another.
type claim struct{ as, owner unique.Handle[string] }

// said is what the name that is exposed is made of.
type said struct {
	name, unit string
	t          otlptranslator.MetricType
}

var nameSeed = maphash.MakeSeed()

// claim allocates nothing for a name, unit and type that were claimed before.
func (n *Names) claim(name, unit string, t otlptranslator.MetricType) (as, owner string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := maphash.Comparable(nameSeed, said{name, unit, t})
	if c, known := n.claims[key]; known {
		return c.as.Value(), c.owner.Value()
	}
	as, owner = n.settle(name, unit, t)
	if len(n.claims) < maxNames {
		if n.claims == nil {
			n.claims = make(map[uint64]claim)
		}
		n.claims[key] = claim{unique.Make(strings.Clone(as)), unique.Make(owner)}
	}
	return as, owner
}

func (n *Names) settle(name, unit string, t otlptranslator.MetricType) (as, owner string) {
	_, renamed := lookupAlias(name)
	for as = name; ; as += other {
		exposed, err := namer.Build(otlptranslator.Metric{Name: as, Unit: unit, Type: t})
		if err != nil {
			return as, owner // the exporter drops it
		}
		if by, taken := conventional[exposed]; taken && !renamed {
			owner = cmp.Or(owner, by)
			continue
		}
		spelling := maphash.String(nameSeed, exposed)
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
		}
		owner = cmp.Or(owner, by.Value())
	}
}

// namer makes the names that the Prometheus exporter exposes: by default it puts
// what is missing of the unit and of the type behind them.
var namer = otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)

// conventional are the metrics of the conventions by the names that are exposed.
// Another name of one of them, see [lookupAlias], is not ambiguous but unknown.
var conventional = func() map[string]string {
	all := make(map[string]string)
	for m := range semconv.Metrics() {
		all[m.PrometheusName()] = m.Name()
	}
	for m := range semconv.Derived() {
		all[m.PrometheusName()] = m.Name()
	}
	return all
}()

// exposedType is what of the type of a metric is in the name that is exposed.
func exposedType(m pmetric.Metric) otlptranslator.MetricType {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		if m.Sum().IsMonotonic() {
			return otlptranslator.MetricTypeMonotonicCounter
		}
	default: // nothing
	}
	return otlptranslator.MetricTypeUnknown
}

// Distinguish finds metrics of one resource, of the engine's own, whose names
// differ only in what joins their words, or in the unit or the total at their end:
// Prometheus makes one name of them, and its exporter shows one of two series, or
// drops both of two types. The first that came in the life of the engine keeps its
// name, and so does a metric of the conventions. It comes between Rename and
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
	as, owner := names.claim(name, m.Unit(), exposedType(m))
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
