// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// sums adds up column n in groups of three rows; Close ends a group early. Negative numbers are late.
type sums struct {
	Sum, Count int64
	late       int64
	added      *telemetry.Cell
}

func (*sums) Kind() string                        { return "window" }
func (w *sums) Bind(h Handles)                    { w.added = h.Worker.Cell(h.Window.EventsAdded()) }
func (*sums) WindowType() string                  { return "lengthBatch" }
func (*sums) Duration() time.Duration             { return 3 * time.Second }
func (w *sums) Holds() bool                       { return w.Count > 0 }
func (w *sums) Bytes() int64                      { return 16 + w.Count }
func (*sums) Oldest() int64                       { return 0 }
func (w *sums) Late() int64                       { return w.late }
func (w *sums) MarshalBinary() ([]byte, error)    { return json.Marshal(w) }
func (w *sums) UnmarshalBinary(data []byte) error { return json.Unmarshal(data, w) }

func (w *sums) Process(b telemetry.Batch, in *event.Batch) *event.Batch {
	out := event.NewBatch(pairSchemas["orders"], 1)
	w.added.Add(in.Len())
	for i := range in.Len() {
		r := in.Row(i)
		if r.Int(1) < 0 {
			w.late++
			continue
		}
		w.Sum, w.Count = w.Sum+r.Int(1), w.Count+1
		if w.Count == 3 {
			w.emit(out, r.Time())
		}
	}
	return out
}

func (w *sums) emit(out *event.Batch, t int64) {
	r := out.Append()
	r.SetTime(t)
	r.SetInt(0, w.Count)
	r.SetInt(1, w.Sum)
	w.Sum, w.Count = 0, 0
}

func (w *sums) Close(_ telemetry.Batch, now time.Time) *event.Batch {
	out := event.NewBatch(pairSchemas["orders"], 1)
	w.emit(out, now.UnixNano())
	return out
}

// odd passes the rows whose column n is odd.
func odd(t *testing.T) Operator {
	t.Helper()
	return NewFilter(where(t, pairSchemas["orders"], "n / 2 != 0"), pairSchemas["orders"])
}

// negated is the last step of a chain: rows that a window owes go through it, too.
type negated struct{}

func (negated) Kind() string { return "filter" }
func (negated) Bind(Handles) {}
func (negated) Process(_ telemetry.Batch, in *event.Batch) *event.Batch {
	out := event.NewBatch(in.Schema, in.Len())
	for i := range in.Len() {
		out.AppendRow(in.Row(i))
		out.Row(i).SetInt(1, -in.Row(i).Int(1))
	}
	return out
}

// plainPartition is a Partition of negated sums.
type plainPartition struct {
	max                      int
	idle                     int64
	keys                     []int64
	groups                   map[int64][]int64
	last                     map[int64]int64
	clock                    int64
	refused, purged, created int
	late                     int64
	out                      [][]int64
}

func (m *plainPartition) end(key, at int64) {
	if g := m.groups[key]; len(g) > 0 {
		m.out = append(m.out, []int64{at, int64(len(g)), -total(g)})
		m.groups[key] = nil
	}
}

func total(values []int64) (sum int64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func (m *plainPartition) batch(rows []plain) {
	var order []int64
	byKey := map[int64][]plain{}
	for _, p := range rows {
		m.clock = max(m.clock, p.at)
		key := p.key()
		if !slices.Contains(m.keys, key) {
			if len(m.keys) >= m.max {
				m.keys = slices.DeleteFunc(m.keys, func(k int64) bool {
					if m.idle == 0 || m.last[k] >= m.clock-m.idle || byKey[k] != nil {
						return false
					}
					m.end(k, m.clock)
					m.purged++
					delete(m.last, k)
					return true
				})
			}
			if len(m.keys) >= m.max {
				m.refused++
				continue
			}
			m.keys = append(m.keys, key)
			m.created++
		}
		if byKey[key] == nil {
			order = append(order, key)
		}
		byKey[key] = append(byKey[key], p)
		m.last[key] = max(m.last[key], p.at)
	}
	for _, key := range order {
		for _, p := range byKey[key] {
			if p.values[1] < 0 {
				m.late++
				continue
			}
			m.groups[key] = append(m.groups[key], p.values[1])
			if len(m.groups[key]) == 3 {
				m.end(key, p.at)
			}
		}
	}
}

func newSums(limit int, idle int64) (Durable, error) {
	return NewPartition(PartitionOptions{Key: "id", Max: limit, Idle: time.Duration(idle), Make: func() ([]Operator, error) {
		return []Operator{&sums{}, negated{}}, nil
	}})
}

func someOrders(rng *rand.Rand, n, keys int) (out []plain) {
	at := int64(0)
	for range n {
		at += int64(rng.IntN(3))
		out = append(out, plain{"orders", max(at-int64(rng.IntN(5)), 0), []int64{int64(rng.IntN(keys)), int64(rng.IntN(100)) - 5}})
	}
	return out
}

func TestAPartitionAgreesWithAPlainOne(t *testing.T) {
	refused, purged := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 6))
		m := &plainPartition{max: rng.IntN(6) + 1, idle: int64(rng.IntN(3) * 12), groups: map[int64][]int64{}, last: map[int64]int64{}}
		op, err := newSums(m.max, m.idle)
		if err != nil {
			t.Fatal(err)
		}
		r := report(t)
		h := r.handles(op)
		h.Window = r.query.Window(op.(Windowed).WindowType())
		failed := 0
		h.Failed = func(_ telemetry.Batch, _ event.Row, s *event.Schema, errorType string, err error) {
			failed++
			if s.Stream != "orders" || errorType != ErrorPartitionLimit || !strings.Contains(err.Error(), "raise the limit") {
				t.Errorf("%s: %s: %v", s.Stream, errorType, err)
			}
		}
		op.Bind(h)
		var got [][]int64
		for chunk := range slices.Chunk(someOrders(rng, 600, 9), rng.IntN(20)+1) {
			got = append(got, words(r.process(op, batches(pairSchemas, chunk, 64)[0]))...)
			m.batch(chunk)
		}
		held := 0
		for _, g := range m.groups {
			held += len(g)
		}
		w := op.(Windowed)
		if holds := w.Holds(); holds != (held > 0) || w.Bytes() != int64(16*len(m.keys)+held) {
			t.Errorf("seed %d: it holds %v and %d bytes, but there are %d rows in %d parts", seed, holds, w.Bytes(), held, len(m.keys))
		}
		for _, k := range m.keys {
			m.end(k, 777)
		}
		if w.Holds() {
			got = append(got, words(w.Close(none, time.Unix(0, 777)))...)
		}
		if !same(got, m.out) || failed != m.refused || op.(Dropping).Late() != m.late || w.Holds() {
			t.Fatalf("seed %d: %d rows, want %d; %d refused, want %d; %d late, want %d", seed, len(got), len(m.out), failed, m.refused, op.(Dropping).Late(), m.late)
		}
		f := r.flush(t)
		for what, c := range map[string][2]int{
			"active":  {int(f["eventflux.partition.instances.active"]), len(m.keys)},
			"created": {int(f["eventflux.partition.instances.created"]), m.created},
			"purged":  {int(f["eventflux.partition.instances.purged"]), m.purged},
			"errors":  {int(f["query.execution.errors partition_limit"]), m.refused},
			"added":   {int(f["eventflux.window.events.added lengthBatch"]), 600 - m.refused},
		} {
			if c[0] != c[1] {
				t.Errorf("seed %d: %s: %d, want %d", seed, what, c[0], c[1])
			}
		}
		refused, purged = refused+m.refused, purged+m.purged
	}
	if refused == 0 || purged == 0 {
		t.Errorf("%d refused, %d purged: the test does not cover both", refused, purged)
	}
}

func TestAPartitionContinuesAfterARestore(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 7))
		all := batches(pairSchemas, someOrders(rng, 400, 6), 9)
		half, limit := rng.IntN(len(all)), rng.IntN(6)+1
		whole, _ := newSums(limit, 12)
		first, _ := newSums(limit, 12)
		second, _ := newSums(limit, 12)
		var want, got [][]int64
		for i, in := range all {
			want = append(want, words(whole.Process(none, in))...)
			if i == half {
				data, err := first.MarshalBinary()
				if err == nil {
					err = second.UnmarshalBinary(data)
				}
				if err != nil {
					t.Fatal(err)
				}
				first = second
			}
			got = append(got, words(first.Process(none, in))...)
		}
		want = append(want, words(whole.(Windowed).Close(none, time.Unix(0, 1)))...)
		got = append(got, words(first.(Windowed).Close(none, time.Unix(0, 1)))...)
		if !same(got, want) || len(want) == 0 {
			t.Fatalf("seed %d: %d rows, want %d", seed, len(got), len(want))
		}
	}
}

func TestAPartitionWithoutAWindowIsNoWindow(t *testing.T) {
	op, err := NewPartition(PartitionOptions{Key: "id", Make: func() ([]Operator, error) { return []Operator{odd(t)}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := op.(Windowed); ok {
		t.Error("it says that it has a window")
	}
	rows := []plain{{"orders", 1, []int64{2, 3}}, {"orders", 2, []int64{1, 5}}, {"orders", 3, []int64{2, 0}}, {"orders", 4, []int64{2, 7}}}
	if got := words(op.Process(none, batches(pairSchemas, rows, 8)[0])); !same(got, [][]int64{{1, 2, 3}, {4, 2, 7}, {2, 1, 5}}) {
		t.Errorf("got %v", got)
	}
	if op, err = NewPartition(PartitionOptions{Make: func() ([]Operator, error) { return nil, errors.New("no way") }}); err == nil || op != nil {
		t.Error("it was made of nothing")
	}
}

func TestAPartitionedJoinReportsAsOne(t *testing.T) {
	op, err := NewPartition(PartitionOptions{Key: "n", Max: 2, Idle: 20, Make: func() ([]Operator, error) {
		j, err := NewStreamJoin(pairOptions(10, 0, 0))
		return []Operator{j}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := report(t)
	op.Bind(r.handles(op))
	rows := []plain{
		{"orders", 1, []int64{7, 1}},
		{"payments", 2, []int64{1, 7, 0}}, // partners
		{"payments", 3, []int64{2, 7, 0}}, // another partition
		{"orders", 4, []int64{7, 2}},
		{"orders", 90, []int64{7, 3}}, // the others give way
	}
	var got [][]int64
	for _, in := range batches(pairSchemas, rows, 1) {
		got = append(got, words(r.process(op, in))...)
	}
	if !same(got, [][]int64{{2, 7, 1, 1, 7, 0}, {4, 7, 2, 2, 7, 0}}) {
		t.Errorf("got %v", got)
	}
	f := r.flush(t)
	want := map[string]int64{
		"eventflux.join.buffer.size left": 1, "eventflux.join.buffer.size right": 0, "eventflux.join.events left": 3,
		"eventflux.join.matches inner": 2, "eventflux.partition.instances.active": 1, "eventflux.partition.instances.purged": 2,
		"eventflux.partition.skew": 1000,
	}
	for name, n := range want {
		if f[name] != n {
			t.Errorf("%s is %d, want %d", name, f[name], n)
		}
	}
	if r.spans["join.process"] == 0 {
		t.Errorf("no span of the join in %v", fmt.Sprint(r.spans))
	}
}

func BenchmarkPartition(b *testing.B) {
	op, err := newSums(0, 0)
	if err != nil {
		b.Fatal(err)
	}
	all := batches(pairSchemas, someOrders(rand.New(rand.NewPCG(1, 8)), 1<<16, 100), 64)
	b.ReportAllocs()
	b.ResetTimer()
	for i, done := 0, 0; done < b.N; i++ {
		in := all[i%len(all)]
		op.Process(none, in)
		done += in.Len()
	}
}
