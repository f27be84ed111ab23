// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strings"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// legacyPrefix is what the exporters of older engines put before every name.
const legacyPrefix = "eventflux_"

// legacyNames are the names of older engines and what they are called now.
var legacyNames = map[string]string{
	"query_throughput_total": "query.events.processed",
	"events_processed_total": "query.events.processed",
	"stream_events_total":    "stream.events.received",
	"stream_throughput":      "stream.events.received",
	"query_errors_total":     "query.execution.errors",
	"errors_total":           "query.execution.errors",
	"stream_backpressure":    "stream.backpressure.events",
	"active_queries":         "query.active.count",
}

// genericLegacy are legacy names that other software uses too. They mean an
// engine only beside a name that no one else has.
var genericLegacy = map[string]bool{"events_processed_total": true, "errors_total": true, "active_queries": true}

// alias is another name of a metric of the conventions.
type alias struct {
	*plan
	// says is the unit that the name tells, empty if it tells none.
	says string
	// same means that Prometheus would give it the name of the metric that it is
	// an alias of, whatever its type.
	same bool
	// generic means that other software has metrics of this name, too.
	generic bool
}

// aliases are by spelling, see [spell].
var aliases = func() map[string]alias {
	all := make(map[string]alias)
	for m := range semconv.Metrics() {
		known := metricPlans[m.Name()]
		spelled := string(spell(nil, m.Name()))
		a := alias{plan: known, generic: known.generic}
		if m.Unit() == "s" && !strings.HasSuffix(spelled, "_seconds") {
			for suffix, unit := range map[string]string{"_ms": "ms", "_milliseconds": "ms", "_us": "us", "_microseconds": "us"} {
				a.says = unit
				all[spelled+suffix] = a
			}
		}
		a.same, a.says = true, ""
		all[spelled] = a
		a.says = m.Unit()
		all[m.PrometheusName()] = a
	}
	for old, now := range legacyNames {
		known := metricPlans[now]
		all[old] = alias{plan: known, says: known.unit, generic: genericLegacy[old]}
	}
	return all
}()

// aliasStarts begin all aliases. Most names of other software fail here.
var aliasStarts = []string{"query", "stream", "eventflux", "connection", "process", "events", "errors", "active"}

// lookupAlias returns of which metric of the conventions name is another name,
// and whether it is one. It allocates nothing.
func lookupAlias(name string) (alias, bool) {
	if !beginsAlias(name) || strings.HasPrefix(name, namespaceCustom) {
		return alias{}, false
	}
	var buffer [128]byte
	if len(name) > len(buffer) {
		return alias{}, false
	}
	spelled := spell(buffer[:0], name)
	a, ok := aliases[string(spelled)]
	if !ok && strings.HasPrefix(string(spelled), legacyPrefix) {
		a, ok = aliases[string(spelled[len(legacyPrefix):])]
		a.same, a.generic = false, false // the prefix tells both apart
	}
	return a, ok
}

func beginsAlias(name string) bool {
	for _, start := range aliasStarts {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// spell appends name as Prometheus spells it, but for what unit and type add:
// runs of other characters than letters and digits become one underscore.
func spell(to []byte, name string) []byte {
	start := len(to)
	for i := range len(name) {
		c := name[i]
		switch {
		case word(c):
			to = append(to, c)
		case len(to) > start && to[len(to)-1] != '_':
			to = append(to, '_')
		}
	}
	if len(to) > start && to[len(to)-1] == '_' {
		to = to[:len(to)-1]
	}
	return to
}
