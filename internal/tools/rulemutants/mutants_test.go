// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEachMutantHasOneChange(t *testing.T) {
	r := rule{map[string]any{"alert": "A", "expr": `rate(x_total{a="b",c!="d"}[5m]) > 0.1 and state == 1`, "for": "5m"}, "f.yml", "g"}
	changed := map[string]string{}
	for _, m := range mutants(r) {
		changed[m.change] = m.rule.text("expr") + " for " + m.rule.text("for")
	}
	assert.Equal(t, map[string]string{
		"flip >":              `rate(x_total{a="b",c!="d"}[5m]) < 0.1 and state == 1 for 5m`,
		"flip ==":             `rate(x_total{a="b",c!="d"}[5m]) > 0.1 and state != 1 for 5m`,
		"limit 0.1 times 0.5": `rate(x_total{a="b",c!="d"}[5m]) > 0.05 and state == 1 for 5m`,
		"limit 0.1 times 2":   `rate(x_total{a="b",c!="d"}[5m]) > 0.2 and state == 1 for 5m`,
		`without a="b"`:       `rate(x_total{c!="d"}[5m]) > 0.1 and state == 1 for 5m`,
		`without c!="d"`:      `rate(x_total{a="b",}[5m]) > 0.1 and state == 1 for 5m`,
		"without for":         `rate(x_total{a="b",c!="d"}[5m]) > 0.1 and state == 1 for `,
	}, changed)
	assert.Equal(t, `rate(x_total{a="b",c!="d"}[5m]) > 0.1 and state == 1`, r.text("expr"), "the rule itself stays")
}
