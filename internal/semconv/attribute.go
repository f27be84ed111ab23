// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

import (
	"iter"
	"slices"
)

// Type is the type of an attribute's value.
type Type uint8

// The types. The zero Type belongs to the zero Attribute.
const (
	String Type = iota + 1
	Int
	Double
	Enum // a string out of a list
)

// String returns "string", "int", "double" or "enum".
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Int:
		return "int"
	case Double:
		return "double"
	case Enum:
		return "enum"
	default:
		return "none"
	}
}

// Attribute is one attribute of the conventions. The zero Attribute is none and has an empty key.
type Attribute struct{ *attribute }

type attribute struct {
	key    string
	kind   Type
	values []string
}

// Key returns the key, such as "query.id".
func (a Attribute) Key() string {
	if a.attribute == nil {
		return ""
	}
	return a.key
}

// Type returns the type of the value.
func (a Attribute) Type() Type {
	if a.attribute == nil {
		return 0
	}
	return a.kind
}

// Values returns what an enum may be, in the order of the registry, and nothing for other types.
func (a Attribute) Values() iter.Seq[string] {
	if a.attribute == nil {
		return slices.Values[[]string](nil)
	}
	return slices.Values(a.values)
}

// Allows says whether the conventions know value: only an enum restricts it.
func (a Attribute) Allows(value string) bool {
	return a.Type() != Enum || slices.Contains(a.values, value)
}

// Use is an attribute where it is used.
type Use struct {
	Attribute
	required bool
}

// Required says whether the sender must set the attribute. All attributes of metrics are.
func (u Use) Required() bool { return u.required }

// find returns the use of key among uses.
func find(uses []Use, key string) (Use, bool) {
	for _, u := range uses {
		if u.key == key {
			return u, true
		}
	}
	return Use{}, false
}

// Resource returns the attributes of the resource of an engine.
func Resource() iter.Seq[Use] { return slices.Values(resource) }
