// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// mutant is a rule with one thing changed.
type mutant struct {
	change string
	rule   rule
}

var (
	comparison = regexp.MustCompile(`( [<>]=? | [!=]= )(-?[0-9.]+)?`)
	matcher    = regexp.MustCompile(`[a-z_]+(=|!=|=~|!~)"[^"]*",?`)
	flipped    = map[string]string{" > ": " < ", " < ": " > ", " == ": " != ", " != ": " == "}
)

// mutants returns a rule with each comparison flipped, each limit halved and doubled, each matcher left out, and without
// its for and keep_firing_for.
func mutants(r rule) (all []mutant) {
	expr := r.text("expr")
	with := func(change, key string, value any) {
		m := maps.Clone(r.fields)
		if m[key] = value; value == nil {
			delete(m, key)
		}
		all = append(all, mutant{change, rule{m, r.file, r.group}})
	}
	for _, at := range comparison.FindAllStringSubmatchIndex(expr, -1) {
		sign := expr[at[2]:at[3]]
		with("flip"+strings.TrimRight(sign, " "), "expr", expr[:at[2]]+flipped[sign]+expr[at[3]:])
		if at[4] < 0 {
			continue
		}
		limit, err := strconv.ParseFloat(expr[at[4]:at[5]], 64)
		if err != nil || limit == 0 || strings.Contains(sign, "=") {
			continue // states are not limits
		}
		for _, factor := range []float64{0.5, 2} {
			with(fmt.Sprintf("limit %g times %g", limit, factor), "expr", expr[:at[4]]+strconv.FormatFloat(limit*factor, 'g', -1, 64)+expr[at[5]:])
		}
	}
	for _, at := range matcher.FindAllStringIndex(expr, -1) {
		with("without "+strings.TrimRight(expr[at[0]:at[1]], ","), "expr", expr[:at[0]]+expr[at[1]:])
	}
	for _, key := range []string{"for", "keep_firing_for"} {
		if r.fields[key] != nil {
			with("without "+key, key, nil)
		}
	}
	return all
}
