// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	difference = regexp.MustCompile(`^sum by \(([^)]*)\) \((.+)\) - sum by \(([^)]*)\) \((.+)\)$`)
	selector   = regexp.MustCompile(`^([a-z_]*)(?:\{(.*)\})?$`)
	matcher    = regexp.MustCompile(`(\w+)(=~|=)"([^"]*)"`)
)

// Differences evaluates the one shape of PromQL in which equations are
// documented, `sum by (...) (selector) - sum by (...) (selector)`, in which the
// first may be a product of two metrics, and which may end in `unless on (label)
// metric`. It returns both sums by group.
//
// A group that only one side has is in the result with 0 for the other side,
// where Prometheus would leave it out: a count without its counterpart must not
// go unnoticed.
func (s Snapshot) Differences(expr string) (left, right map[string]float64, err error) {
	expr, unless, _ := strings.Cut(expr, " unless on ")
	m := difference.FindStringSubmatch(expr)
	if m == nil || m[1] != m[3] {
		return nil, nil, fmt.Errorf("could not read %q as a difference of two sums by the same labels", expr)
	}
	by := strings.Split(m[1], ", ")
	if left, err = s.sumBy(by, m[2]); err != nil {
		return nil, nil, err
	}
	if right, err = s.sumBy(by, m[4]); err != nil {
		return nil, nil, err
	}
	for k := range right {
		left[k] += 0
	}
	return left, right, s.except(unless, left)
}

// except takes out the groups that have the label in common with a point of the
// metric that unless names, as in "(label) metric".
func (s Snapshot) except(unless string, groups map[string]float64) error {
	if unless == "" {
		return nil
	}
	label, metric, ok := strings.Cut(strings.TrimPrefix(unless, "("), ") ")
	if !ok || !strings.HasPrefix(unless, "(") {
		return fmt.Errorf("could not read %q as a label and a metric", unless)
	}
	for _, point := range s[metric].GetMetric() {
		value := label + "=" + LabelsOf(point)[label]
		for group := range groups {
			if slices.Contains(strings.Fields(group), value) {
				delete(groups, group)
			}
		}
	}
	return nil
}

func (s Snapshot) sumBy(by []string, text string) (map[string]float64, error) {
	text, factor, product := strings.Cut(text, " * ")
	m := selector.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("could not read %q as a selector", text)
	}
	tests := map[string]*regexp.Regexp{}
	for _, t := range matcher.FindAllStringSubmatch(m[2], -1) {
		pattern := t[3]
		if t[2] == "=" {
			pattern = regexp.QuoteMeta(pattern)
		}
		tests[t[1]] = regexp.MustCompile("^(?:" + pattern + ")$")
	}
	if m[1] != "" {
		tests["__name__"] = regexp.MustCompile("^" + m[1] + "$")
	}
	sums := map[string]float64{}
	for name, family := range s {
		for _, point := range family.GetMetric() {
			have := LabelsOf(point)
			have["__name__"] = name
			if !have.pass(tests) {
				continue
			}
			v := Value(point)
			if product {
				delete(have, "__name__")
				f, _ := s.Sum(factor, have)
				v *= f
			}
			sums[have.group(by)] += v
		}
	}
	return sums, nil
}

func (l Labels) pass(tests map[string]*regexp.Regexp) bool {
	for label, test := range tests {
		if !test.MatchString(l[label]) {
			return false
		}
	}
	return true
}

// group names the values of some labels; labels are those of the expression.
func (l Labels) group(labels []string) string {
	values := slices.Clone(labels)
	for i, name := range labels {
		values[i] = name + "=" + l[name]
	}
	return strings.Join(values, " ")
}
