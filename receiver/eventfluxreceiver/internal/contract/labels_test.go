// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"maps"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

var keyPool = []string{
	"query.id", "query_id", "query-id", "stream.name", "stream_name", "stream", "job", "instance", "a.b", "a_b", "a..b",
	"exported_job", "exported_a_b", "__name__", "", "otel.scope.name", "le", "\u00e9", "_", "host",
}

// Whatever attributes come, in whatever order: the labels differ, no value is
// lost but one that is there twice, and the order does not matter.
func TestLabelsDifferAndNoneIsLost(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	uses := metricPlans["query.events.processed"].uses
	for range 5000 {
		keys := make([]string, 0, 8)
		for _, i := range random.Perm(len(keyPool))[:random.IntN(8)] {
			keys = append(keys, keyPool[i])
		}
		values := map[string]string{}
		for _, key := range keys {
			values[key] = string(rune('a' + random.IntN(3)))
		}
		var results []map[string]any
		for range 2 {
			attrs := pcommon.NewMap()
			for _, i := range random.Perm(len(keys)) {
				attrs.PutStr(keys[i], values[keys[i]])
			}
			relabel(attrs, uses)
			separate(attrs)
			if key, found := inTheWay(attrs); found {
				t.Fatalf("%q: %q is in the way", values, key)
			}
			results = append(results, attrs.AsRaw())
		}
		if !maps.Equal(results[0], results[1]) {
			t.Fatalf("%q becomes %q or %q", values, results[0], results[1])
		}
		came, left := map[any]bool{}, map[any]bool{}
		for _, v := range values {
			came[v] = true
		}
		for _, v := range results[0] {
			left[v] = true
		}
		if !maps.Equal(came, left) {
			t.Fatalf("%q becomes %q", values, results[0])
		}
	}
}

func TestLabelsAreAlikeAsPrometheusSpellsThem(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"query.id", "query_id", true},
		{"query.id", "query.ID", false},
		{"a..b", "a_b", true},
		{"a", "a.", false},
		{"a.b", "ab", false},
		{"\u00e9", "_", true},
		{"", "", true},
	} {
		if got := sameLabel(tc.a, tc.b); got != tc.want || sameLabel(tc.b, tc.a) != got {
			t.Errorf("%q and %q: %v", tc.a, tc.b, got)
		}
	}
}

func TestLabelsOfTheEnginesOwnCostNoAllocation(t *testing.T) {
	attrs := pcommon.NewMap()
	for _, key := range []string{"order.type", "region", "customer.tier", "host"} {
		attrs.PutStr(key, "x")
	}
	if n := testing.AllocsPerRun(100, func() { separate(attrs) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
