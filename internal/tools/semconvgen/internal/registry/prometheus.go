// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"strings"
)

// units are those the registry uses, as Prometheus spells them.
var units = map[string]string{"s": "seconds", "By": "bytes", "%": "percent"}

// rates are the units after a slash.
var rates = map[string]string{"s": "second"}

// PrometheusName returns the name under which the collector's Prometheus exporter exposes a metric, suffixes included.
// A histogram has further series that end in _bucket, _sum and _count.
func PrometheusName(name, unit, instrument string) (string, error) {
	words := strings.FieldsFunc(name, func(c rune) bool { return c == '.' || c == '_' })
	what, per, isRate := strings.Cut(unit, "/")
	suffix, ok := units[what]
	if !ok && !annotated(what) {
		return "", fmt.Errorf("the unit %q is none of s, By, %% and {thing}, each with an optional /s", unit)
	}
	if instrument == "counter" {
		words = without(words, "total")
	}
	if suffix != "" {
		words = append(without(words, suffix), suffix)
	}
	if isRate {
		rate, ok := rates[per]
		if !ok {
			return "", fmt.Errorf("the unit %q counts per %q, want per s", unit, per)
		}
		words = append(words, "per", rate)
	}
	if instrument == "counter" {
		words = append(words, "total")
	}
	return strings.Join(words, "_"), nil
}

// annotated says whether unit is of the form {thing}, which adds nothing to a name.
func annotated(unit string) bool {
	return len(unit) > 2 && unit[0] == '{' && strings.IndexByte(unit, '}') == len(unit)-1
}

func without(words []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == word })
}
