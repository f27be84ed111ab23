// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import "strings"

// signal records a metric, a span, an event or the resource.
func (r *resolver) signal(g *group) {
	switch g.Type {
	case "metric":
		r.metric(g)
	case "span":
		r.span(g)
	case "event":
		r.event(g)
	case "entity":
		r.registry.Resource = append(r.registry.Resource, r.uses(g)...)
	case "attribute_group":
	default:
		r.fault(g.place(), "has type %q, want attribute_group, metric, span, event or entity", g.Type)
	}
	if g.Brief == "" {
		r.fault(g.place(), "has no brief")
	}
}

func (r *resolver) metric(g *group) {
	r.unique(g.place(), "metric", g.MetricName)
	r.unique(g.place(), "Prometheus name", g.Annotations.Eventflux.PrometheusName)
	handle, ok := r.handles[g.Extends]
	if !ok {
		r.fault(g.place(), "extends %q, which is no handle", g.Extends)
		return
	}
	a := g.Annotations.Eventflux
	made := &Metric{
		Place: g.place(), Name: g.MetricName, Brief: g.Brief, Note: g.Note,
		Instrument: g.Instrument, Unit: g.Unit, Level: a.Level, Prometheus: a.PrometheusName,
		Fixed: a.Fixed, Buckets: a.Buckets, Method: a.Method, Handle: handle, Further: r.uses(g),
	}
	if handle.Sent() {
		r.registry.Metrics = append(r.registry.Metrics, made)
	} else {
		r.registry.Derived = append(r.registry.Derived, made)
	}
	if made.Method != "-" {
		handle.Metrics = append(handle.Metrics, made)
	}
}

func (r *resolver) span(g *group) {
	a := g.Annotations.Eventflux
	base, key, varies := strings.Cut(a.Name, " ")
	r.unique(g.place(), "span", base)
	made := &Span{
		Place: g.place(), Name: base, Title: g.DisplayName, Brief: g.Brief, Note: g.Note,
		Kind: g.SpanKind, Level: a.Level, Parent: a.Parent, Attributes: r.uses(g),
	}
	for _, u := range made.Attributes {
		if varies && key == "{"+u.Key+"}" {
			made.NameKey = u.Attribute
		}
	}
	if varies && made.NameKey == nil {
		r.fault(g.place(), "is named %q, which must end in one of its attributes: {key}", a.Name)
	}
	r.registry.Spans = append(r.registry.Spans, made)
}

func (r *resolver) event(g *group) {
	r.unique(g.place(), "event", g.Name)
	r.registry.Events = append(r.registry.Events, &Event{
		Place: g.place(), Name: g.Name, Brief: g.Brief, Note: g.Note,
		Severity: g.Annotations.Eventflux.Severity, Attributes: r.uses(g),
	})
}
