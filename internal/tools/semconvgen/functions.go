// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"

	"github.com/eventflux-io/eventflux-otel/internal/tools/semconvgen/internal/ident"
	"github.com/eventflux-io/eventflux-otel/internal/tools/semconvgen/internal/registry"
)

// functions are what templates call beside the methods of the registry.
var functions = template.FuncMap{
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

var goTypes = map[string]string{"string": "string", "int": "int", "double": "float64"}

// comment wraps text to the width of the project's comments.
func comment(indent int, text string) string {
	prefix := strings.Repeat("\t", indent) + "// "
	width := 120 - 4*indent - 3
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
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
	return errors.Join(errs...)
}
