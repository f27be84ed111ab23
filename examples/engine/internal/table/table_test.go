// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

func TestFindAgreesWithAMap(t *testing.T) {
	rows := [][]string{{"A", "Alpha", "x"}, {"B", "Beta", "y"}, {"C", "Gamma", "x"}, {"A", "Alpha again", "z"}}
	var names event.Symbols
	tbl, err := New(&names, rows)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, r := range rows {
		want[r[0]] = r[1:]
	}
	for id := range event.ID(names.Len() + 2) { // two ids past the end, too
		values, ok := tbl.Find(id)
		w, known := want[names.Name(id)]
		if ok != known {
			t.Fatalf("Find(%q) = %v, want %v", names.Name(id), ok, known)
		}
		for i := range w {
			if names.Name(values[i]) != w[i] {
				t.Errorf("Find(%q)[%d] = %q, want %q", names.Name(id), i, names.Name(values[i]), w[i])
			}
		}
	}
}

func TestRowsOfUnequalWidthAreRefused(t *testing.T) {
	if _, err := New(&event.Symbols{}, [][]string{{"A", "1"}, {"B"}}); err == nil {
		t.Error("want an error")
	}
}
