// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/json"
	"log/slog"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// isClean says whether a, inside the groups of prefix, can be logged as it is. It allocates nothing, and is false
// for values that only a closer look can tell.
func isClean(prefix string, a slog.Attr) bool {
	switch a.Value.Kind() {
	case slog.KindString:
		if _, n := redact.String(a.Value.String()); n > 0 {
			return false
		}
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return true // never a secret, whatever the key
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
	default:
		return a.Value.Kind() == slog.KindAny && a.Value.Any() == nil
	}
	return !redact.KeyIn(prefix, a.Key)
}

// attr returns a without its secrets, and how many there were. Its value is resolved: what a LogValuer says is
// said once.
func attr(prefix string, a slog.Attr) (slog.Attr, int) {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() == slog.KindGroup {
		return group(prefix, a)
	}
	if redact.KeyIn(prefix, a.Key) {
		if !revealing(a.Value) {
			return a, 0
		}
		return slog.String(a.Key, redact.Mark), 1
	}
	var n int
	switch a.Value.Kind() {
	case slog.KindString:
		var s string
		if s, n = redact.String(a.Value.String()); n > 0 {
			a.Value = slog.StringValue(s)
		}
	case slog.KindAny:
		a.Value, n = anyValue(prefix+a.Key+".", a.Value)
	}
	return a, n
}

func group(prefix string, a slog.Attr) (slog.Attr, int) {
	if a.Key != "" {
		prefix += a.Key + "."
	}
	members := a.Value.Group()
	out, n := make([]slog.Attr, len(members)), 0
	for i, m := range members {
		var found int
		out[i], found = attr(prefix, m)
		n += found
	}
	a.Value = slog.GroupValue(out...)
	return a, n
}

// revealing says whether v can be a secret, under a key that says so.
func revealing(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return false
	case slog.KindString:
		return v.String() != "" && v.String() != redact.Mark
	case slog.KindAny:
		return v.Any() != nil
	default:
		return true
	}
}

// anyValue redacts what is shown of v: of an error its text, of everything else its JSON.
func anyValue(prefix string, v slog.Value) (slog.Value, int) {
	switch x := v.Any().(type) {
	case nil, redact.Rendered:
		return v, 0
	case []byte:
		if s, n := redact.String(string(x)); n > 0 {
			return slog.AnyValue([]byte(s)), n
		}
		return v, 0
	case []string:
		list, n := redact.Strings(x)
		if n == 0 {
			return v, 0
		}
		return slog.AnyValue(list), n
	case error:
		if _, marshals := x.(json.Marshaler); !marshals {
			n, err := redact.Error(x)
			return slog.AnyValue(err), n
		}
	}
	doc, n := redact.JSON(prefix, appendAny(nil, v.Any()))
	return slog.AnyValue(redact.Rendered{JSON: doc}), n
}
