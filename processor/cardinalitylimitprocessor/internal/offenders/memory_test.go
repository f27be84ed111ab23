// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// caseBytes is what Options promises that a case takes at most.
const caseBytes = 208 << 10

// Whatever comes, memory stays within what the options promise. Every kind of hostile
// input is mixed: new keys, huge values, many attributes, many metrics, time jumping.
func TestMemoryIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	value := func() string {
		if r.IntN(3) == 0 {
			return strings.Repeat(string(rune(r.IntN(0x10000))), r.IntN(200))
		}
		return strconv.Itoa(r.Int())
	}
	for _, redaction := range []Redaction{Plain, Masked, Hashed} {
		o := Options{Cases: 1 + r.IntN(6), Window: time.Minute, Idle: time.Second, Redaction: redaction}
		b := New(o, start)
		now := start
		for range 10_000 {
			c := caseOf("t", strconv.Itoa(r.IntN(o.Cases*3)))
			attributes := make([]string, 0, 100)
			for range r.IntN(50) {
				key := strconv.Itoa(r.IntN(30))
				if r.IntN(50) == 0 {
					key = value()
				}
				attributes = append(attributes, key, value())
			}
			p := pointOf(value(), attributes...)
			if r.IntN(4) == 0 {
				b.admit(c, p, now)
			} else {
				b.refuse(c, p, now)
			}
			if r.IntN(100) == 0 {
				now = now.Add(time.Duration(r.Int64N(int64(20 * time.Second))))
				if records := len(b.table.Load().records); records > o.Cases {
					t.Fatalf("%d cases, want at most %d", records, o.Cases)
				}
				if got, limit := b.Bytes(), o.Cases*caseBytes+4096; got > limit {
					t.Fatalf("%d bytes with %d cases, want at most %d", got, o.Cases, limit)
				}
			}
		}
		t.Logf("%d cases, %d KB each", o.Cases, b.Bytes()/o.Cases>>10)
	}
}

// The worst case that the bound on memory has to hold.
func TestTheLargestCase(t *testing.T) {
	b := New(Options{}, start)
	longest := strings.Repeat("\U00010000", maxValueRunes-3)
	attributes := make([]string, 0, 68)
	for i := range 4000 {
		attributes = attributes[:0]
		for k := range 34 {
			attributes = append(attributes, fmt.Sprintf("%0*d", maxKeyBytes, k), strconv.Itoa(100_000 + i)[3:]+longest+"!!")
		}
		b.refuse(&Case{TenantName: longest + longest, MetricName: longest + longest}, pointOf(strconv.Itoa(i), attributes...), start)
	}
	got := b.Bytes()
	t.Logf("%d KB", got>>10)
	if got > caseBytes {
		t.Errorf("%d bytes, want at most %d", got, caseBytes)
	}
	if got < caseBytes*3/4 {
		t.Errorf("%d bytes: this is not the largest case, or the bound is too high", got)
	}
}

func TestNothingIsAllocatedInSteadyState(t *testing.T) {
	b := New(Options{}, start)
	points := wides(20_000)
	for _, p := range points {
		b.refuse(requests, p, start)
	}
	i := 0
	for name, step := range map[string]func(){
		"refused again": func() { b.Again(requests, points[len(points)-1].series, start) },
		"refused anew":  func() { b.refuse(requests, points[i%10_000], start) },
		"admitted late": func() { b.admit(requests, points[i%10_000], start) },
		"blamed":        func() { b.Blame(requests, 100+i%50, nil) },
	} {
		if got := testing.AllocsPerRun(5000, func() { i++; step() }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// What Bytes says is what the heap holds, within a quarter.
func TestBytesIsWhatTheHeapHolds(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	b := New(Options{}, start)
	for c := range 64 {
		for i := range 3000 {
			b.refuse(caseOf("t", strconv.Itoa(c)), pointOf("r", "a", strconv.Itoa(i), "b", strconv.Itoa(i%7), "c", strconv.Itoa(i%500)), start)
		}
	}
	held, said := heap()-before, b.Bytes()
	runtime.KeepAlive(b)
	if held*3 > said*4 || held*5 < said*4 {
		t.Errorf("the heap grew by %d, Bytes() = %d", held, said)
	}
}

func TestAMillionKeysAreBounded(t *testing.T) {
	b := New(Options{}, start)
	for i := range 1_000_000 {
		b.refuse(requests, pointOf("r", "key-"+strconv.Itoa(i), "v", "status", "200"), start)
	}
	if got := b.Bytes(); got > caseBytes+4096 {
		t.Errorf("%d bytes", got)
	}
	m := b.only(t, start)
	if m.RefusedSeries < 850_000 || m.RefusedSeries > 1_150_000 {
		t.Errorf("%d series, want about a million", m.RefusedSeries)
	}
	if key, blame := b.Blame(requests, 100, nil); blame != Nothing {
		t.Errorf("blamed %q, %v; no key has a name that could be blamed", key, blame)
	}
	if !m.Keys[0].Others {
		t.Errorf("keys %+v, want the unnamed ones first", m.Keys)
	}
}

// Of ten thousand attributes and a value of a megabyte, little is kept, and nothing is
// allocated for them when they come again.
func TestOfOneHugePointLittleIsKept(t *testing.T) {
	b := New(Options{}, start)
	attributes := make([]string, 0, 20_000)
	for i := range 10_000 {
		attributes = append(attributes, "key-"+strconv.Itoa(i), strconv.Itoa(i))
	}
	p := pointOf("r", attributes...)
	b.refuse(requests, p, start)
	huge := strings.Repeat("x", 1<<20)
	q := pointOf("r", "body", huge, huge, "value")
	other := caseOf("shop", "log.lines")
	b.refuse(other, q, start)
	if got := b.Bytes(); got > 2*caseBytes {
		t.Errorf("%d bytes", got)
	}
	allocated := testing.AllocsPerRun(10, func() {
		p.series = mix(p.series)
		b.refuse(requests, p, start)
	})
	if allocated > 0 {
		t.Errorf("%v allocations for a point of 10 000 attributes", allocated)
	}
	table := b.table.Load()
	body := table.find(other.Tenant, other.Metric).keys[0]
	if got := body.top.Heaviest(1)[0].Label; got != huge[:maxValueRunes]+"..." {
		t.Errorf("%d bytes kept of the value", len(got))
	}
}
