// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package callsite

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestASiteSpeaksASecondsWorthAtOnceAndThenAtItsRate(t *testing.T) {
	table := NewTable(10)
	for i := range 10 {
		if _, ok := table.Admit(1, 0, 0); !ok {
			t.Fatalf("record %d was refused", i)
		}
	}
	for range 5 {
		if _, ok := table.Admit(1, 0, 50*time.Millisecond); ok {
			t.Fatal("no token is there yet")
		}
	}
	if n, ok := table.Admit(1, 0, 100*time.Millisecond); !ok || n != 5 {
		t.Fatalf("got %d, %v: one token, and five refused before it", n, ok)
	}
	if _, ok := table.Admit(1, 0, 100*time.Millisecond); ok {
		t.Fatal("there was one token only")
	}
	if n, ok := table.Admit(1, 0, time.Hour); !ok || n != 1 {
		t.Fatalf("got %d, %v", n, ok)
	}
	if n, ok := table.Admit(1, 0, time.Hour); !ok || n != 0 {
		t.Fatalf("got %d, %v: said once", n, ok)
	}
}

func TestSitesAndLevelsHaveTheirOwnAllowance(t *testing.T) {
	table := NewTable(1)
	for pc := range uintptr(Max / 2) {
		for _, level := range []int{0, 8} {
			if _, ok := table.Admit(pc+1, level, 0); !ok {
				t.Fatalf("site %d at level %d has no token", pc, level)
			}
			if _, ok := table.Admit(pc+1, level, 0); ok {
				t.Fatalf("site %d at level %d has two", pc, level)
			}
		}
	}
}

func TestSitesBeyondTheBoundShareOneAllowance(t *testing.T) {
	table := NewTable(1)
	for pc := range uintptr(Max) {
		table.Admit(pc+1, 0, 0)
	}
	admitted := 0
	for pc := range uintptr(10 * Max) {
		if _, ok := table.Admit(pc+Max+1, 0, 0); ok {
			admitted++
		}
	}
	if admitted != 1 {
		t.Fatalf("%d of those without a slot spoke", admitted)
	}
	if _, ok := table.Admit(0, 0, 0); ok {
		t.Fatal("a record without a position shares it too")
	}
	if _, ok := table.Admit(1, 0, time.Minute); !ok {
		t.Fatal("those with a slot keep it")
	}
}

func TestAClockThatGoesBackSilencesNobody(t *testing.T) {
	table := NewTable(1)
	table.Admit(1, 0, time.Hour)
	if _, ok := table.Admit(1, 0, 0); !ok {
		t.Fatal("silenced for an hour")
	}
}

func TestNoRecordIsForgottenConcurrentSafe(t *testing.T) {
	table := NewTable(100)
	var spoken, suppressed atomic.Uint64
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				if n, ok := table.Admit(uintptr(1+i%3), worker%2, time.Duration(i)*time.Millisecond); ok {
					spoken.Add(1)
					suppressed.Add(n)
				}
			}
		})
	}
	wg.Wait()
	for pc := range uintptr(3) {
		for level := range 2 {
			n, ok := table.Admit(pc+1, level, time.Hour)
			if !ok {
				t.Fatal("an hour later everybody may speak")
			}
			suppressed.Add(n)
		}
	}
	if total := spoken.Load() + suppressed.Load(); total != 20000 {
		t.Fatalf("%d of 20000 records are accounted for", total)
	}
}

func BenchmarkAdmit(b *testing.B) {
	table := NewTable(1e9)
	b.ReportAllocs()
	now := time.Duration(0)
	for b.Loop() {
		now++
		table.Admit(12345, 0, now)
	}
}
