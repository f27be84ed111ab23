// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package registry reads the semantic conventions of EventFlux, which are written in Weaver's group format, resolves
// what groups say about each other, and checks the rules that the generated code relies on.
package registry

// Registry is the whole of the conventions, in their order. It is not modified after Load.
type Registry struct {
	Families   []*Family
	Metrics    []*Metric // what engines send
	Derived    []*Metric // what the collector makes of it
	Spans      []*Span
	Events     []*Event
	Handles    []*Handle
	Attributes []*Attribute
	Resource   []Use
	Buckets    map[string][]float64
}

// Family is the metrics of one file. Those of a family are either all sent by engines or all derived.
type Family struct {
	Title   string
	Metrics []*Metric
}

// Place says where something was written, for errors.
type Place struct {
	File, ID string
}

func (p Place) String() string { return p.File + ": " + p.ID }

// Metric is one metric with what its handle adds to it.
type Metric struct {
	Place
	Name, Brief, Note string
	Instrument, Unit  string
	Level, Prometheus string
	Fixed             bool
	Buckets           string // key of Registry.Buckets, histograms only
	Method            string // of the handle, if not the derived one; "-" if hand-written code serves the metric
	Handle            *Handle
	Further           []Use // attributes beyond those of the handle
}

// Attributes returns those of the handle and then the further ones.
func (m *Metric) Attributes() []Use {
	return append(append([]Use{}, m.Handle.Attributes...), m.Further...)
}

// Handle is what the SDK binds once: a set of attributes whose values identify one thing.
type Handle struct {
	Place
	Go, Owner, Prefix, Brief string
	Written                  bool // the type and its constructor are hand-written, only methods are generated
	Attributes               []Use
	Metrics                  []*Metric // those it has a generated method for
}

// Sent says whether engines send the metrics of the handle; the collector makes the others.
func (h *Handle) Sent() bool { return h.Owner != "Collector" }

// Served says whether the SDK offers the handle to engines.
func (h *Handle) Served() bool { return h.Sent() && h.Owner != "SDK" }

// Own returns the attributes that the handle has beyond those of the query that owns it.
func (h *Handle) Own() []Use {
	if h.Owner == "Query" {
		return h.Attributes[1:]
	}
	return h.Attributes
}

// Span is one kind of span. NameKey is the attribute whose value follows Name in a span's name, or nil.
type Span struct {
	Place
	Name, Title, Brief, Note string
	Kind, Level, Parent      string
	NameKey                  *Attribute
	Attributes               []Use
}

// Event is one kind of event record.
type Event struct {
	Place
	Name, Brief, Note, Severity string
	Attributes                  []Use
}

// Use is one attribute where it is used.
type Use struct {
	*Attribute
	Requirement string // required, recommended or opt_in
}

// Required says whether whoever sends the signal must set the attribute.
func (u Use) Required() bool { return u.Requirement == "required" }

// Attribute is one attribute. Type is string, int, double or enum; only an enum has Members.
type Attribute struct {
	Place
	Key, Type, Brief string
	Members          []Member
	Examples         []any
	Imported         bool // from OpenTelemetry's registry
}

// Member is one value of an enum.
type Member struct {
	ID, Value string
}
