// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// keyErrorType is required of errors, and not every engine sends it.
const (
	keyErrorType     = "error.type"
	unknownErrorType = "unknown"
)

// legacyLabels are labels of older engines and what they are called now, where
// they are not just spelled otherwise.
var legacyLabels = map[string]string{"stream": "stream.name"}

// exported is how Prometheus itself calls a label that is in the way.
const exported = "exported_"

// relabel gives attributes of an item their keys in the conventions, where they
// have others. An attribute that is there under both keys loses the other one if
// both say the same, else keeps it as exported_*. It reports whether it changed
// something.
func relabel(attrs pcommon.Map, uses []use) (changed bool) {
	for i := range uses {
		key := uses[i].key
		for {
			other, found := otherKey(attrs, key, uses)
			if !found {
				break
			}
			changed = true
			move(attrs, other, key)
		}
	}
	return changed
}

// otherKey returns the key of an attribute that means key. Of several it is the
// least, and not the first: the order of attributes may change from one export to
// the next, and the series must not.
func otherKey(attrs pcommon.Map, key string, uses []use) (other string, found bool) {
	for k := range attrs.All() {
		if k == key || legacyLabels[k] != key && !sameLabel(k, key) {
			continue
		}
		wanted := slices.ContainsFunc(uses, func(u use) bool { return u.key == k })
		if !wanted && (!found || k < other) {
			other, found = k, true
		}
	}
	return other, found
}

// move renames an attribute. If there is one of the new name with another value,
// the attribute gets the prefix that Prometheus gives to such labels.
func move(attrs pcommon.Map, from, to string) {
	value, ok := attrs.Get(from)
	if !ok {
		return
	}
	kept := pcommon.NewValueEmpty()
	value.CopyTo(kept)
	attrs.Remove(from)
	for {
		there, taken := attrs.Get(to)
		if !taken || there.Type() == pcommon.ValueTypeEmpty {
			break
		}
		if there.Equal(kept) || there.AsString() == kept.AsString() {
			return
		}
		to = exported + strings.ReplaceAll(to, ".", "_")
	}
	kept.MoveTo(attrs.PutEmpty(to))
}

// separate makes the labels of an item differ: attributes that would become one
// label, or one that Prometheus adds itself, get other keys. It reports whether
// it changed something.
func separate(attrs pcommon.Map) (changed bool) {
	for {
		key, found := inTheWay(attrs)
		if !found {
			return changed
		}
		changed = true
		move(attrs, key, exported+string(spell(nil, key)))
	}
}

// inTheWay returns a key that cannot be a label beside the others: the greatest,
// see otherKey.
func inTheWay(attrs pcommon.Map) (key string, found bool) {
	var buffer [16]string // on the stack: this runs for every point of the engine's own metrics
	keys := buffer[:0]
	for k := range attrs.All() {
		if reserved(k) {
			key, found = max(key, k), true
			continue
		}
		for _, earlier := range keys {
			if earlier[0] == k[0] && sameLabel(earlier, k) {
				key, found = max(key, earlier, k), true
			}
		}
		keys = append(keys, k)
	}
	return key, found
}

// reserved reports whether no attribute may become this label: it has no letter
// or digit to begin with, or Prometheus or its exporter add it themselves. A
// point with such a label is dropped there with its whole metric.
func reserved(key string) bool {
	if key == "" || !word(key[0]) {
		return true
	}
	switch key {
	case "job", "instance", "le", "quantile":
		return true
	}
	return strings.HasPrefix(key, "otel") && (sameLabel(key, "otel_scope_name") ||
		sameLabel(key, "otel_scope_version") || sameLabel(key, "otel_scope_schema_url"))
}

func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// sameLabel reports whether Prometheus makes one label of two keys. It allows
// for exporters that make one underscore of several.
func sameLabel(a, b string) bool {
	var i, j int
	for {
		x, y := label(a, &i), label(b, &j)
		if x != y {
			return false
		}
		if x == 0 {
			return true
		}
	}
}

// label returns the next character of a key as a label has it, 0 at the end.
func label(key string, i *int) byte {
	if *i >= len(key) {
		return 0
	}
	c := key[*i]
	*i++
	if word(c) {
		return c
	}
	for *i < len(key) && !word(key[*i]) {
		*i++
	}
	return '_'
}
