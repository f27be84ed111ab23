// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
)

// retype gives an attribute the type of the conventions, and a value of a list
// the spelling that it has there. It reports whether the attribute fits now.
func retype(attrs pcommon.Map, u *use, v pcommon.Value) bool {
	switch u.Type() {
	case semconv.Int:
		n, ok := integer(v)
		if ok {
			attrs.PutInt(u.key, n)
		}
		return ok
	case semconv.Double:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.AsString()), 64)
		if err == nil {
			attrs.PutDouble(u.key, f)
		}
		return err == nil
	case semconv.Enum:
		text, ok := listed(u, v.AsString())
		if ok {
			attrs.PutStr(u.key, text)
		}
		return ok
	default:
		attrs.PutStr(u.key, v.AsString())
		return true
	}
}

func integer(v pcommon.Value) (int64, bool) {
	if v.Type() == pcommon.ValueTypeDouble {
		f := v.Double()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v.AsString()), 10, 64)
	return n, err == nil
}

// listed returns the value of the list that differs from text in case only, or
// in what joins its words.
func listed(u *use, text string) (string, bool) {
	text = strings.TrimSpace(text)
	for value := range u.Values() {
		if strings.EqualFold(value, strings.NewReplacer("-", "_", " ", "_").Replace(text)) || strings.EqualFold(value, text) {
			return value, true
		}
	}
	return "", false
}

func valueFits(u *use, v pcommon.Value) bool {
	if u.text {
		return v.Type() == pcommon.ValueTypeStr
	}
	return valueListed(u, v)
}

// valueListed is valueFits for what is not just text.
func valueListed(u *use, v pcommon.Value) bool {
	switch u.Type() {
	case semconv.Int:
		return v.Type() == pcommon.ValueTypeInt
	case semconv.Double:
		return v.Type() == pcommon.ValueTypeDouble || v.Type() == pcommon.ValueTypeInt
	default:
		return v.Type() == pcommon.ValueTypeStr && u.Allows(v.Str())
	}
}

func wanted(u *use) string {
	if u.Type() != semconv.Enum {
		return "a value of type " + u.Type().String()
	}
	var values []string
	for v := range u.Values() {
		values = append(values, v)
	}
	return "one of " + strings.Join(values, ", ")
}
