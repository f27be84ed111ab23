// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page = `
# TYPE in_total counter
in_total{q="a",kind="x"} 5
in_total{q="a",kind="y"} 7
in_total{q="b",kind="x"} 1
# TYPE out_total counter
out_total{q="a",kind="x"} 3
# TYPE held gauge
held{q="a",kind="x"} 2
held{q="c",kind="x"} 4
# TYPE times gauge
times{q="a",kind="x"} 10
times{q="b",kind="x"} 20
`

func TestDifferencesAreThoseOfPrometheusWithZeroForWhatIsMissing(t *testing.T) {
	s, err := Parse(strings.NewReader(page))
	require.NoError(t, err)
	for _, tt := range []struct {
		expr        string
		left, right map[string]float64
	}{
		{
			`sum by (q) (in_total{kind="x"}) - sum by (q) (out_total) unless on (q) held`,
			map[string]float64{"q=b": 1},
			map[string]float64{"q=a": 3},
		},
		{
			`sum by (q) (in_total{kind="x"}) - sum by (q) ({__name__=~"out_total|held"})`,
			map[string]float64{"q=a": 5, "q=b": 1, "q=c": 0},
			map[string]float64{"q=a": 5, "q=c": 4},
		},
		{
			`sum by (q) (in_total * times) - sum by (q) (in_total{kind=~"y|z"})`,
			map[string]float64{"q=a": 50, "q=b": 20},
			map[string]float64{"q=a": 7},
		},
		{
			`sum by (kind, q) (held) - sum by (kind, q) (out)`, // no metric has half a name
			map[string]float64{"kind=x q=a": 2, "kind=x q=c": 4}, map[string]float64{},
		},
	} {
		left, right, err := s.Differences(tt.expr)
		require.NoError(t, err)
		assert.Equal(t, tt.left, left, tt.expr)
		assert.Equal(t, tt.right, right, tt.expr)
	}
}

func TestOtherExpressionsAreRefused(t *testing.T) {
	for _, expr := range []string{
		`in_total - out_total`,
		`sum by (q) (in_total) - sum by (kind) (out_total)`,
		`sum by (q) (rate(in_total[1m])) - sum by (q) (out_total)`,
	} {
		_, _, err := Snapshot{}.Differences(expr)
		assert.ErrorContains(t, err, "could not read", expr)
	}
}
