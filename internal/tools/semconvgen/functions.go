// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/eventflux-io/eventflux-otel/internal/tools/semconvgen/internal/ident"
	"github.com/eventflux-io/eventflux-otel/internal/tools/semconvgen/internal/registry"
)

// functions are what templates call beside the methods of the registry.
var functions = template.FuncMap{
	"lower":           func(s string) string { return strings.ToLower(s[:1]) + s[1:] },
	"parameter":       func(u registry.Use) string { return ident.Parameter(u.Key) },
	"parameters":      parameters,
	"method":          method,
	"methodComment":   methodComment,
	"openComment":     openComment,
	"kind":            kind,
	"receiver":        func(h *registry.Handle) string { return strings.ToLower(h.Go[:1]) },
	"owner":           func(h *registry.Handle) string { return strings.ToLower(h.Owner[:1]) },
	"goName":          ident.Exported,
	"comment":         comment,
	"instrument":      func(name string) string { return instruments[name] },
	"float":           func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) },
	"title":           func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
	"anchor":          func(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") },
	"instrumentWords": func(name string) string { return strings.Replace(name, "updown", "up-down ", 1) },
	"goType":          func(a *registry.Attribute) string { return goTypes[a.Type] },
}

// instruments are the Go names of instruments.
var instruments = map[string]string{
	"counter": "Counter", "updowncounter": "UpDownCounter", "gauge": "Gauge", "histogram": "Histogram",
}

// parameters declares what a constructor or a method takes: a parameter per attribute.
func parameters(uses []registry.Use) string {
	var all []string
	last := ""
	for _, u := range slices.Backward(uses) {
		kind := " " + goTypes[u.Type]
		if u.Type == "enum" {
			kind = " semconv." + ident.Exported(u.Key) + "Value"
		}
		declared := ident.Parameter(u.Key)
		if kind != last { // a type stands once, after the last of its parameters
			declared += kind
			last = kind
		}
		all = append(all, declared)
	}
	slices.Reverse(all)
	return strings.Join(all, ", ")
}

// method is the name of a handle's method for a metric.
func method(m *registry.Metric) string {
	if m.Method != "" {
		return m.Method
	}
	return ident.Under(m.Handle.Prefix, m.Name)
}

// keys lists the attributes of a handle in words.
func keys(uses []registry.Use) string {
	var all []string
	for _, u := range uses {
		all = append(all, u.Key)
	}
	return strings.Join(all, ", ")
}

// methodComment says what a method gives out, and when it gives out nothing.
func methodComment(m *registry.Metric) string {
	text := method(m) + " returns " + m.Name + ". " + m.Brief
	if m.Level == "detail" {
		text += " It is nil below level Detail."
	}
	return comment(0, text)
}

// openComment says what a constructor binds.
func openComment(h *registry.Handle) string {
	text := h.Go + " binds one for the " + strings.ToLower(h.Owner) + ", which closes it with itself."
	if len(h.Attributes) > 0 {
		text += " All its series carry " + keys(h.Attributes) + "."
	}
	return comment(0, text+" Two with the same attributes share their series.")
}

// kind is the Go type of the instrument that a handle gives out: time has types of its own.
func kind(m *registry.Metric) string {
	switch {
	case m.Instrument == "counter" && m.Unit == "s":
		return "TimeCounter"
	case m.Instrument == "histogram" && m.Unit != "s":
		return "SizeHistogram"
	default:
		return instruments[m.Instrument]
	}
}

var goTypes = map[string]string{"string": "string", "int": "int", "double": "float64"}

// comment wraps text to the width of the project's comments.
func comment(indent int, text string) string {
	prefix := strings.Repeat("\t", indent) + "// "
	width := 120 - 4*indent - 3
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, prefix+line)
			line = word
			continue
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, prefix+line), "\n")
}

// ownNames are what the hand-written part of package semconv exports.
var ownNames = []string{
	"Metric", "Metrics", "MetricCount", "Span", "Spans", "Event", "Events",
	"Instrument", "Counter", "UpDownCounter", "Gauge", "Histogram", "Level", "LevelBasic", "LevelDetail",
}

// checkIdentifiers refuses names that are one identifier in Go.
func checkIdentifiers(r *registry.Registry) error {
	taken := map[string]string{}
	var errs []error
	take := func(identifier string, at registry.Place, name string) {
		if first, ok := taken[identifier]; ok {
			errs = append(errs, fmt.Errorf("%s: %s and %s are both %s in Go", at, name, first, identifier))
		}
		taken[identifier] = name
	}
	for _, reserved := range ownNames {
		take(reserved, registry.Place{}, "package semconv's own "+reserved)
	}
	for _, a := range r.Attributes {
		name := ident.Exported(a.Key)
		take(name, a.Place, "attribute "+a.Key)
		take(name+"Key", a.Place, "attribute "+a.Key)
		for _, m := range a.Members {
			take(name+ident.Exported(m.ID), a.Place, "value "+m.Value+" of "+a.Key)
		}
	}
	for _, m := range r.Metrics {
		take(ident.Exported(m.Name), m.Place, "metric "+m.Name)
	}
	for _, s := range r.Spans {
		take("Span"+ident.Exported(s.Name), s.Place, "span "+s.Name)
	}
	for _, e := range r.Events {
		take("Event"+ident.Exported(e.Name), e.Place, "event "+e.Name)
	}
	for _, h := range r.Handles {
		take("type "+h.Go, h.Place, "handle "+h.Go)
		for _, m := range h.Metrics {
			take("method "+h.Go+"."+method(m), m.Place, "metric "+m.Name)
		}
	}
	return errors.Join(errs...)
}
