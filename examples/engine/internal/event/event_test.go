// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strconv"
	"sync"
	"testing"
)

var stock = &Schema{Stream: "S", Columns: []Column{{"symbol", Symbol}, {"price", Float}, {"volume", Int}}}

func TestBatchKeepsEveryWordOfEveryRow(t *testing.T) {
	b := NewBatch(stock, 2) // rows past the first two must grow it
	for i := range 100 {
		r := b.Append()
		r.SetTime(int64(-i))
		r.SetSymbol(0, ID(i))
		r.SetFloat(1, float64(i)/3)
		r.SetInt(2, int64(-7*i))
	}
	if b.Len() != 100 {
		t.Fatalf("Len() = %d, want 100", b.Len())
	}
	for i := range 100 {
		r := b.Row(i)
		if r.Time() != int64(-i) || r.Symbol(0) != ID(i) || r.Float(1) != float64(i)/3 || r.Int(2) != int64(-7*i) {
			t.Fatalf("row %d came back as %v", i, r)
		}
	}
	if (*Batch)(nil).Len() != 0 || (*Batch)(nil).Bytes() != 0 {
		t.Error("a nil batch must be empty")
	}
}

func TestAppendingWithinRoomDoesNotAllocate(t *testing.T) {
	b := NewBatch(stock, 64)
	n := testing.AllocsPerRun(100, func() {
		b.Truncate(0)
		for range 64 {
			b.Append().SetFloat(1, 1)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
}

func TestSymbolsConcurrentSafe(t *testing.T) {
	var s Symbols
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				text := "S" + strconv.Itoa(i)
				id, err := s.Intern(text)
				if err != nil || s.Name(id) != text {
					t.Errorf("Name(Intern(%q)) = %q, %v", text, s.Name(id), err)
				}
			}
		})
	}
	wg.Wait()
	if s.Len() != 500 {
		t.Errorf("Len() = %d, want 500", s.Len())
	}
}

func TestFullSymbolTableRefusesNewTextOnly(t *testing.T) {
	s := Symbols{Max: 2}
	for _, text := range []string{"a", "b", "a", "b"} {
		if _, err := s.Intern(text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Intern("c"); err == nil {
		t.Error("a third symbol must be refused")
	}
}

func TestRestoredSymbolsKeepTheirIDs(t *testing.T) {
	var old Symbols
	for _, text := range []string{"b", "", "a"} {
		_, _ = old.Intern(text)
	}
	names := old.Names()
	_, _ = old.Intern("later")
	_ = append(names, "mine") // must not reach the table
	if len(names) != 3 || old.Name(3) != "later" {
		t.Fatalf("names %q, symbol 3 is %q", names, old.Name(3))
	}
	var fresh, began, other Symbols
	_, _ = began.Intern("b") // what a program interns at start, again
	for _, s := range []*Symbols{&fresh, &began} {
		if err := s.Restore(names); err != nil || s.Len() != 3 || s.Name(2) != "a" {
			t.Errorf("err %v, %q", err, s.Names())
		}
	}
	_, _ = other.Intern("a")
	if err := other.Restore(names); err == nil {
		t.Error("a symbol with another id must be refused")
	}
	if err := (&Symbols{Max: 2}).Restore(names); err == nil {
		t.Error("a table that is too small must be refused")
	}
}
