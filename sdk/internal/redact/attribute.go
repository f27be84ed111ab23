// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "go.opentelemetry.io/otel/attribute"

// KeyValue returns kv without its secrets, and how many there were. Without one it returns kv itself and
// allocates nothing, unless the value is a list or a map.
func KeyValue(kv attribute.KeyValue) (attribute.KeyValue, int) {
	return keyValueIn("", kv)
}

// KeyValues is KeyValue for each member. It returns list itself if nothing is to be hidden, else a copy.
func KeyValues(list []attribute.KeyValue) ([]attribute.KeyValue, int) {
	return Each(list, KeyValue)
}

func keyValueIn(prefix string, kv attribute.KeyValue) (attribute.KeyValue, int) {
	if KeyIn(prefix, string(kv.Key)) {
		if !revealing(kv.Value) {
			return kv, 0
		}
		kv.Value = attribute.StringValue(Mark)
		return kv, 1
	}
	var n int
	kv.Value, n = valueIn(prefix, string(kv.Key), kv.Value)
	return kv, n
}

// Value is KeyValue for a value that has no key.
func Value(v attribute.Value) (attribute.Value, int) {
	return valueIn("", "", v)
}

func revealing(v attribute.Value) bool {
	switch v.Type() {
	case attribute.EMPTY, attribute.BOOL, attribute.BOOLSLICE:
		return false
	case attribute.STRING:
		return v.AsString() != "" && v.AsString() != Mark
	default:
		return true
	}
}

func valueIn(prefix, key string, v attribute.Value) (attribute.Value, int) {
	switch v.Type() {
	case attribute.STRING:
		if s, n := String(v.AsString()); n > 0 {
			return attribute.StringValue(s), n
		}
	case attribute.BYTESLICE:
		if s, n := String(string(v.AsByteSlice())); n > 0 {
			return attribute.ByteSliceValue([]byte(s)), n
		}
	case attribute.STRINGSLICE:
		if list, n := Strings(v.AsStringSlice()); n > 0 {
			return attribute.StringSliceValue(list), n
		}
	case attribute.SLICE:
		return sliceIn(prefix, key, v)
	case attribute.MAP:
		return mapIn(prefix+key+".", v)
	}
	return v, 0
}

func sliceIn(prefix, key string, v attribute.Value) (attribute.Value, int) {
	members, n := v.AsSlice(), 0
	for i, m := range members {
		var found int
		members[i], found = valueIn(prefix, key, m)
		n += found
	}
	if n == 0 {
		return v, 0
	}
	return attribute.SliceValue(members...), n
}

func mapIn(prefix string, v attribute.Value) (attribute.Value, int) {
	if prefix == "." {
		prefix = ""
	}
	members, n := v.AsMap(), 0
	for i, m := range members {
		var found int
		members[i], found = keyValueIn(prefix, m)
		n += found
	}
	if n == 0 {
		return v, 0
	}
	return attribute.MapValue(members...), n
}
