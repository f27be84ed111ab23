// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// nameGrammar is what OpenTelemetry asks of metric names, narrowed to the words in lower case that its conventions use.
var nameGrammar = regexp.MustCompile(`^[a-z][a-z0-9]*([._][a-z0-9]+)*$`)

// maxName is OpenTelemetry's limit on the length of a metric name.
const maxName = 255

// maxFurther bounds the attributes of a metric beyond those of its handle, for they multiply series.
const maxFurther = 2

// check looks at every rule that needs no second file.
func (r *resolver) check() {
	for _, a := range r.registry.Attributes {
		r.checkAttribute(a)
	}
	for _, h := range r.registry.Handles {
		r.checkHandle(h)
	}
	for _, m := range slices.Concat(r.registry.Metrics, r.registry.Derived) {
		r.checkName(m.Place, m.Name)
		r.checkMetric(m)
		r.checkUses(m)
	}
	for _, s := range r.registry.Spans {
		r.checkName(s.Place, s.Name)
		r.oneOf(s.Place, "span_kind", s.Kind, "internal", "client", "server", "producer", "consumer")
		r.oneOf(s.Place, "level", s.Level, "basic", "detail")
		if s.Title == "" || s.Parent == "" {
			r.fault(s.Place, "needs a display_name and annotations.eventflux.parent")
		}
	}
	for _, e := range r.registry.Events {
		r.checkName(e.Place, e.Name)
		r.oneOf(e.Place, "severity", e.Severity, "info", "warn", "error")
	}
}

func (r *resolver) checkName(at Place, name string) {
	if !nameGrammar.MatchString(name) || len(name) > maxName {
		r.fault(at, "the name %q is not made of lower-case words joined by . and _", name)
	}
}

func (r *resolver) oneOf(at Place, what, got string, allowed ...string) {
	if !slices.Contains(allowed, got) {
		r.fault(at, "%s is %q, want one of %s", what, got, strings.Join(allowed, ", "))
	}
}

func (r *resolver) checkAttribute(a *Attribute) {
	r.checkName(a.Place, a.Key)
	r.oneOf(a.Place, "the type of "+a.Key, a.Type, "string", "int", "double", "enum")
	if a.Brief == "" {
		r.fault(a.Place, "%s has no brief", a.Key)
	}
	if a.Type == "enum" && len(a.Members) == 0 {
		r.fault(a.Place, "%s has no members", a.Key)
	}
	if a.Type != "enum" && len(a.Examples) == 0 {
		r.fault(a.Place, "%s has no examples", a.Key)
	}
	values := map[string]bool{}
	for _, m := range a.Members {
		if values[m.Value] || values["id "+m.ID] {
			r.fault(a.Place, "%s has the member %s twice", a.Key, m.Value)
		}
		values[m.Value], values["id "+m.ID] = true, true
	}
}

func (r *resolver) checkHandle(h *Handle) {
	r.oneOf(h.Place, "the owner of a handle", h.Owner, "App", "Query", "SDK", "Collector")
	r.unique(h.Place, "handle", h.Go)
	if h.Prefix == "" || !strings.HasPrefix(h.ID, "handle.") {
		r.fault(h.Place, "a handle is named handle.* and has a prefix")
	}
	if h.Owner == "Query" && (len(h.Attributes) == 0 || h.Attributes[0].Key != "query.id") {
		r.fault(h.Place, "a handle of a query begins with query.id")
	}
	for _, u := range h.Attributes {
		if !u.Required() || u.Type == "int" || u.Type == "double" {
			r.fault(h.Place, "%s identifies the handle, so it is required and a string or an enum", u.Key)
		}
	}
}

func (r *resolver) checkMetric(m *Metric) {
	r.oneOf(m.Place, "instrument", m.Instrument, "counter", "updowncounter", "gauge", "histogram")
	r.oneOf(m.Place, "level", m.Level, "basic", "detail")
	if want, err := PrometheusName(m.Name, m.Unit, m.Instrument); err != nil {
		r.fault(m.Place, "%v", err)
	} else if m.Prometheus != want {
		r.fault(m.Place, "prometheus_name is %q, but name, unit and instrument make it %q", m.Prometheus, want)
	}
	if m.Instrument == "histogram" {
		r.oneOf(m.Place, "buckets", m.Buckets, slices.Sorted(maps.Keys(r.registry.Buckets))...)
	} else if m.Buckets != "" {
		r.fault(m.Place, "only a histogram has buckets")
	}
	if m.Fixed && m.Method != "-" {
		r.fault(m.Place, "hand-written code serves the fixed metrics: want method \"-\"")
	}
	if !m.Handle.Served() && m.Method != "-" {
		r.fault(m.Place, "engines do not record the metrics of %s: want method \"-\"", m.Handle.Go)
	}
}

// checkUses applies the rules on a metric's attributes: few, required, none twice.
func (r *resolver) checkUses(m *Metric) {
	if len(m.Further) > maxFurther {
		r.fault(m.Place, "has %d attributes beyond those of %s, want at most %d", len(m.Further), m.Handle.ID, maxFurther)
	}
	for _, u := range m.Further {
		if !u.Required() {
			r.fault(m.Place, "%s is not required, but the label set of a metric is always the same", u.Key)
		}
		if u.Type == "int" || u.Type == "double" {
			r.fault(m.Place, "%s is a number, and a series per number is a series too many", u.Key)
		}
		if slices.ContainsFunc(m.Handle.Attributes, func(h Use) bool { return h.Attribute == u.Attribute }) {
			r.fault(m.Place, "%s belongs to %s already", u.Key, m.Handle.ID)
		}
	}
}
