// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"iter"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// plan is what the check of one metric, span or event needs of the conventions.
type plan struct {
	metric     semconv.Metric // none for spans and events
	instrument semconv.Instrument
	name, unit string
	kind       ptrace.SpanKind // of spans
	uses       []use
	// generic says that other software has metrics of the name too.
	generic bool
}

// use is an attribute where it is used, with what is asked for every point.
type use struct {
	semconv.Use
	key  string
	text bool // a string that may be anything
}

func usesOf(all iter.Seq[semconv.Use]) []use {
	var uses []use
	for u := range all {
		uses = append(uses, use{Use: u, key: u.Key(), text: u.Type() == semconv.String})
	}
	return uses
}

// genericNames begin the names of metrics that not only engines have.
var genericNames = []string{"connection", "process."}

var metricPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	add := func(m semconv.Metric) {
		plans[m.Name()] = &plan{
			metric: m, instrument: m.Instrument(), name: m.Name(), unit: m.Unit(),
			uses: usesOf(m.Attributes()),
			generic: slices.ContainsFunc(genericNames, func(start string) bool {
				return strings.HasPrefix(m.Name(), start)
			}),
		}
	}
	for m := range semconv.Metrics() {
		add(m)
	}
	for m := range semconv.Derived() { // an agent sends them
		add(m)
	}
	return plans
}()

var kinds = map[string]ptrace.SpanKind{
	"internal": ptrace.SpanKindInternal,
	"producer": ptrace.SpanKindProducer,
	"consumer": ptrace.SpanKindConsumer,
}

var spanPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	for s := range semconv.Spans() {
		plans[s.Name()] = &plan{name: s.Name(), kind: kinds[s.Kind()], uses: usesOf(s.Attributes())}
	}
	return plans
}()

var eventPlans = func() map[string]*plan {
	plans := make(map[string]*plan)
	for e := range semconv.Events() {
		plans[e.Name()] = &plan{name: e.Name(), uses: usesOf(e.Attributes())}
	}
	return plans
}()
