// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
)

var pairSchemas = map[string]*event.Schema{
	"orders":   {Stream: "orders", Columns: []event.Column{{Name: "id", Type: event.Int}, {Name: "n", Type: event.Int}}},
	"payments": {Stream: "payments", Columns: []event.Column{{Name: "n", Type: event.Int}, {Name: "order", Type: event.Int}, {Name: "bad", Type: event.Int}}},
	"paid": {Stream: "paid", Columns: []event.Column{
		{Name: "id", Type: event.Int},
		{Name: "n", Type: event.Int},
		{Name: "n2", Type: event.Int},
		{Name: "order", Type: event.Int},
		{Name: "bad", Type: event.Int},
	}},
	"twice": {Stream: "twice", Columns: []event.Column{
		{Name: "id", Type: event.Int},
		{Name: "n", Type: event.Int},
		{Name: "id2", Type: event.Int},
		{Name: "n2", Type: event.Int},
	}},
}

func pairOptions(within, slack, limit int) PairOptions {
	return PairOptions{
		A: Input{pairSchemas["orders"], "id"}, B: Input{pairSchemas["payments"], "order"}, Out: pairSchemas["paid"],
		Within: duration(within), Slack: duration(slack), Max: limit,
	}
}

// traffic makes rows of two streams at paces of their own, out of order by less than disorder.
func traffic(rng *rand.Rand, n, keys, disorder int) (out []plain) {
	clocks := map[string]int64{"orders": 100, "payments": 100}
	bias := rng.IntN(7) + 2
	for i := range n {
		name := "orders"
		if rng.IntN(11) < bias {
			name = "payments"
		}
		clocks[name] += int64(rng.IntN(4))
		at := clocks[name] - int64(rng.IntN(disorder))
		key, serial := int64(rng.IntN(keys)), int64(i)
		if name == "orders" {
			out = append(out, plain{name, at, []int64{key, serial}})
		} else {
			out = append(out, plain{name, at, []int64{serial, key, int64(rng.IntN(5))}})
		}
	}
	return out
}

func duration(n int) time.Duration { return time.Duration(n) }

func (p plain) key() int64 {
	if p.stream == "orders" {
		return p.values[0]
	}
	return p.values[1]
}

func pairOf(a, b plain) []int64 {
	return append(append([]int64{max(a.at, b.at)}, a.values...), b.values...)
}

// plainSide is what a plain join or pattern holds of a stream.
type plainSide struct {
	rows  []plain
	met   []bool
	clock int64
	lost  int
}

func (s *plainSide) drop() {
	if !s.met[0] {
		s.lost++
	}
	s.rows, s.met = s.rows[1:], s.met[1:]
}

func (s *plainSide) expire(horizon int64) {
	for len(s.rows) > 0 && s.rows[0].at < horizon {
		s.drop()
	}
}

type plainJoin struct {
	o                        PairOptions
	a, b                     plainSide
	late, evicted, atLeast1x int
	out                      [][]int64
}

func (j *plainJoin) take(p plain) {
	mine, other := &j.a, &j.b
	if p.stream == "payments" {
		mine, other = other, mine
	}
	mine.clock = max(mine.clock, p.at)
	horizon := min(j.a.clock, j.b.clock) - int64(j.o.Slack+j.o.Within)
	j.a.expire(horizon)
	j.b.expire(horizon)
	if p.at < horizon {
		j.late++
		return
	}
	met := false
	for i, q := range other.rows {
		if q.key() != p.key() || max(p.at-q.at, q.at-p.at) > int64(j.o.Within) {
			continue
		}
		if !other.met[i] {
			j.atLeast1x++
		}
		met, other.met[i] = true, true
		if p.stream == "orders" {
			j.out = append(j.out, pairOf(p, q))
		} else {
			j.out = append(j.out, pairOf(q, p))
		}
	}
	if met {
		j.atLeast1x++
	}
	mine.rows, mine.met = append(mine.rows, p), append(mine.met, met)
	if len(mine.rows) > j.o.Max {
		j.evicted++
		mine.drop()
	}
}

func TestAJoinOfOrderedStreamsLosesNothingHoweverSlowOneIs(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		disorder := rng.IntN(6) + 1
		rows := traffic(rng, 600, rng.IntN(8)+1, disorder)
		var want [][]int64
		within := rng.IntN(12) + 1
		for i, p := range rows {
			for _, q := range rows[:i] {
				if p.stream == q.stream || p.key() != q.key() || max(p.at-q.at, q.at-p.at) > int64(within) {
					continue
				}
				if p.stream == "orders" {
					want = append(want, pairOf(p, q))
				} else {
					want = append(want, pairOf(q, p))
				}
			}
		}
		j, err := NewStreamJoin(pairOptions(within, disorder, 0))
		if err != nil {
			t.Fatal(err)
		}
		var got [][]int64
		for _, in := range batches(pairSchemas, rows, rng.IntN(9)+1) {
			got = append(got, words(j.Process(none, in))...)
		}
		if !same(got, want) || j.Late() != 0 {
			t.Fatalf("seed %d: %d rows, %d late, want %d rows", seed, len(got), j.Late(), len(want))
		}
	}
}

func TestAJoinAgreesWithAPlainOneAndItsSumsClose(t *testing.T) {
	totalLate, totalEvicted := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		model := &plainJoin{o: pairOptions(rng.IntN(9)+1, rng.IntN(3), rng.IntN(60)+4)}
		rows := traffic(rng, 800, rng.IntN(8)+1, rng.IntN(40)+1)
		j, err := NewStreamJoin(model.o)
		if err != nil {
			t.Fatal(err)
		}
		r := report(t)
		j.Bind(r.handles(j))
		var got [][]int64
		arrived := map[string]int64{}
		for _, in := range batches(pairSchemas, rows, rng.IntN(9)+1) {
			got = append(got, words(r.process(j, in))...)
			arrived[in.Schema.Stream] += int64(in.Len())
		}
		for _, p := range rows {
			model.take(p)
		}
		if !same(got, model.out) {
			t.Fatalf("seed %d: %d rows, want %d", seed, len(got), len(model.out))
		}
		unmet := 0
		for _, s := range []plainSide{model.a, model.b} {
			for _, met := range s.met {
				if !met {
					unmet++
				}
			}
		}
		m := r.flush(t)
		misses := m["eventflux.join.misses left"] + m["eventflux.join.misses right"]
		checks := map[string][2]int64{
			"late":         {j.Late(), int64(model.late)},
			"late errors":  {m["query.execution.errors late_event"], int64(model.late)},
			"evicted":      {m["query.execution.errors pair_limit"], int64(model.evicted)},
			"left":         {m["eventflux.join.events left"], arrived["orders"]},
			"right":        {m["eventflux.join.events right"], arrived["payments"]},
			"matches":      {m["eventflux.join.matches inner"], int64(len(got))},
			"left misses":  {m["eventflux.join.misses left"], int64(model.a.lost)},
			"right misses": {m["eventflux.join.misses right"], int64(model.b.lost)},
			"left held":    {m["eventflux.join.buffer.size left"], int64(len(model.a.rows))},
			"right held":   {m["eventflux.join.buffer.size right"], int64(len(model.b.rows))},
			"fanouts":      {m["eventflux.join.fanout"], int64(len(rows) - model.late)},
			"sum":          {int64(len(rows)), int64(model.atLeast1x) + misses + int64(unmet) + j.Late()},
		}
		for what, c := range checks {
			if c[0] != c[1] {
				t.Errorf("seed %d: %s: %d, want %d", seed, what, c[0], c[1])
			}
		}
		totalLate, totalEvicted = totalLate+model.late, totalEvicted+model.evicted
		j.discard()
		if m := r.flush(t); m["eventflux.join.buffer.size left"] != 0 || m["eventflux.join.buffer.size right"] != 0 {
			t.Error("a join that was discarded still reports rows")
		}
	}
	if totalLate == 0 || totalEvicted == 0 {
		t.Errorf("%d late, %d evicted: the test does not cover both", totalLate, totalEvicted)
	}
}

type plainPattern struct {
	o                         PatternOptions
	waiting                   plainSide
	clock                     int64
	created, matched, evicted int
	out                       [][]int64
}

func (m *plainPattern) take(p plain, isA, isB bool) {
	if p.stream == m.o.B.Schema.Stream {
		m.clock = max(m.clock, p.at)
		m.waiting.expire(m.clock - int64(m.o.Slack+m.o.Within))
	}
	key := func(p plain) int64 {
		if m.o.A.Key == "" {
			return 0
		}
		return p.key()
	}
	if isB {
		var left []plain
		for _, a := range m.waiting.rows {
			if key(a) == key(p) && a.at <= p.at && p.at-a.at <= int64(m.o.Within) {
				m.out = append(m.out, pairOf(a, p))
				m.matched++
			} else {
				left = append(left, a)
			}
		}
		m.waiting.rows, m.waiting.met = left, make([]bool, len(left))
	}
	if isA {
		m.created++
		m.waiting.rows, m.waiting.met = append(m.waiting.rows, p), append(m.waiting.met, false)
		if len(m.waiting.rows) > m.o.Max {
			m.evicted++
			m.waiting.rows, m.waiting.met = m.waiting.rows[1:], m.waiting.met[1:]
		}
	}
}

func TestAPatternAgreesWithAPlainOneAndItsSumsClose(t *testing.T) {
	var lost, evicted, matched int
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := &plainPattern{o: PatternOptions{PairOptions: pairOptions(rng.IntN(30)+1, rng.IntN(3), rng.IntN(40)+2)}}
		if rng.IntN(4) == 0 {
			m.o.A.Key, m.o.B.Key = "", ""
		}
		oneStream := rng.IntN(2) == 0
		if oneStream {
			m.o.B, m.o.Out = m.o.A, pairSchemas["twice"]
		}
		m.o.WhereA, m.o.WhereB = where(t, m.o.A.Schema, "n / 1 > 100"), where(t, m.o.B.Schema, "n - 2 > 50")
		rows := traffic(rng, 700, rng.IntN(8)+1, rng.IntN(20)+1)
		p, err := NewPattern(m.o)
		if err != nil {
			t.Fatal(err)
		}
		r := report(t)
		p.Bind(r.handles(p))
		var got [][]int64
		for _, in := range batches(pairSchemas, rows, rng.IntN(9)+1) {
			if oneStream && in.Schema.Stream != "orders" {
				continue
			}
			got = append(got, words(r.process(p, in))...)
		}
		for _, row := range rows {
			n := row.values[0]
			if row.stream == "orders" {
				n = row.values[1]
			}
			isA, isB := row.stream == "orders" && n > 100, row.stream == m.o.B.Schema.Stream && n > 52
			m.take(row, isA, isB)
		}
		if !same(got, m.out) {
			t.Fatalf("seed %d: %d rows, want %d", seed, len(got), len(m.out))
		}
		f := r.flush(t)
		created, active := f["eventflux.pattern.instances.created"], f["eventflux.pattern.instances.active"]
		within, limit := f["eventflux.pattern.instances.expired within"], f["eventflux.pattern.instances.expired memory_limit"]
		checks := map[string][2]int64{
			"created":     {created, int64(m.created)},
			"active":      {active, int64(len(m.waiting.rows))},
			"expired":     {within, int64(m.waiting.lost)},
			"evicted":     {limit, int64(m.evicted)},
			"rejected":    {f["eventflux.pattern.event_store.rejected"], int64(m.evicted)},
			"errors":      {f["query.execution.errors pair_limit"], int64(m.evicted)},
			"matches":     {f["eventflux.pattern.matches pattern"], int64(m.matched)},
			"durations":   {f["eventflux.pattern.match.duration"], int64(m.matched)},
			"transitions": {f["eventflux.pattern.state.transitions"], int64(m.created + m.matched)},
			"store":       {f["eventflux.pattern.event_store.size"], p.Bytes()},
			"sum":         {created, int64(m.matched) + within + limit + active},
		}
		for what, c := range checks {
			if c[0] != c[1] {
				t.Errorf("seed %d: %s: %d, want %d", seed, what, c[0], c[1])
			}
		}
		lost, evicted, matched = lost+m.waiting.lost, evicted+m.evicted, matched+m.matched
	}
	if lost == 0 || evicted == 0 || matched == 0 {
		t.Errorf("%d expired, %d evicted, %d matched: the test does not cover all", lost, evicted, matched)
	}
}

func where(t *testing.T, s *event.Schema, source string) *expr.Predicate {
	t.Helper()
	p, err := expr.Compile(source, s, &event.Symbols{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPatternHandsOnRowsThatItCannotEvaluate(t *testing.T) {
	o := PatternOptions{PairOptions: pairOptions(10, 0, 0)}
	o.WhereB = where(t, o.B.Schema, "n / bad > 0")
	p, err := NewPattern(o)
	if err != nil {
		t.Fatal(err)
	}
	r := report(t)
	h := r.handles(p)
	var failed []string
	h.Failed = func(_ telemetry.Batch, row event.Row, s *event.Schema, errorType string, err error) {
		failed = append(failed, fmt.Sprint(s.Stream, row.Int(0), errorType, err))
	}
	p.Bind(h)
	rows := []plain{{"orders", 1, []int64{7, 1}}, {"payments", 2, []int64{3, 7, 0}}, {"payments", 3, []int64{4, 7, 1}}}
	var got [][]int64
	for _, in := range batches(pairSchemas, rows, 8) {
		got = append(got, words(r.process(p, in))...)
	}
	if !same(got, [][]int64{{3, 7, 1, 4, 7, 1}}) || strings.Join(failed, ";") != "payments3expressiondivision by zero" {
		t.Errorf("rows %v, failed %q", got, failed)
	}
	if f := r.flush(t); f["query.execution.errors expression"] != 1 {
		t.Errorf("the failed row was not counted")
	}
}

func TestPairsContinueAfterARestore(t *testing.T) {
	makers := map[string]func(limit int) (Durable, error){
		"join": func(limit int) (Durable, error) { return NewStreamJoin(pairOptions(20, 2, limit)) },
		"pattern": func(limit int) (Durable, error) {
			return NewPattern(PatternOptions{PairOptions: pairOptions(20, 2, limit)})
		},
	}
	for name, newOne := range makers {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				rng := rand.New(rand.NewPCG(seed, 4))
				limit := rng.IntN(50) + 3
				all := batches(pairSchemas, traffic(rng, 500, 4, 20), 7)
				half := rng.IntN(len(all))
				whole, err := newOne(limit)
				if err != nil {
					t.Fatal(err)
				}
				first, _ := newOne(limit)
				second, _ := newOne(limit)
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
				if !same(got, want) || len(want) == 0 {
					t.Fatalf("seed %d: %d rows, want %d", seed, len(got), len(want))
				}
				if err := second.UnmarshalBinary([]byte("x")); err == nil {
					t.Error("garbage was restored")
				}
			}
		})
	}
}

func TestPairOptionsThatMakeNoSense(t *testing.T) {
	o := pairOptions(1, 0, 0)
	noKey, noTime, typed := o, o, o
	noKey.B.Key, noTime.Within = "nothing", 0
	typed.B = Input{&event.Schema{Stream: "s", Columns: []event.Column{{Name: "order", Type: event.Float}}}, "order"}
	same := o
	same.B = same.A
	for want, o := range map[string]PairOptions{
		`join of "orders" and "payments": "id" and "nothing"`: noKey, `within must be`: noTime, `columns of one type`: typed, `two streams`: same,
	} {
		if j, err := NewStreamJoin(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v %v, want %q", j, err, want)
		}
	}
	same.A.Key = ""
	if _, err := NewPattern(PatternOptions{PairOptions: same}); err == nil {
		t.Error("a pattern with one key was made")
	}
}

func TestAHeldRowIsNotChangedByItsBatch(t *testing.T) {
	j, _ := NewStreamJoin(pairOptions(10, 0, 0))
	in := batches(pairSchemas, []plain{{"orders", 5, []int64{1, 2}}}, 8)[0]
	j.Process(none, in)
	in.Row(0).SetInt(1, 99)
	if got := words(j.Process(none, batches(pairSchemas, []plain{{"payments", 6, []int64{3, 1, 4}}}, 8)[0])); !same(got, [][]int64{{6, 1, 2, 3, 1, 4}}) {
		t.Errorf("got %v", got)
	}
}

// benchmarkPairs alternates between batches of 64 rows of each stream. One iteration is one row.
func benchmarkPairs(b *testing.B, op Operator) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 5))
	var all []*event.Batch
	for i := range int64(1024) {
		var rows []plain
		for k := range int64(64) {
			key := rng.Int64N(2000)
			if i%2 == 0 {
				rows = append(rows, plain{"orders", i/2*64 + k, []int64{key, k}})
			} else {
				rows = append(rows, plain{"payments", i/2*64 + k, []int64{k, key, 0}})
			}
		}
		all = append(all, batches(pairSchemas, rows, 64)...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	done, out := 0, 0
	for i := 0; done < b.N; i++ {
		in := all[i%len(all)]
		if i >= len(all) { // time goes on
			for k := range in.Len() {
				in.Row(k).SetTime(in.Row(k).Time() + 512*64)
			}
		}
		out += op.Process(none, in).Len()
		done += in.Len()
	}
	b.ReportMetric(float64(out)/float64(done), "matches/row")
}

func BenchmarkJoin(b *testing.B) {
	j, err := NewStreamJoin(pairOptions(1000, 0, 0))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkPairs(b, j)
}

func BenchmarkPattern(b *testing.B) {
	p, err := NewPattern(PatternOptions{PairOptions: pairOptions(1000, 0, 0)})
	if err != nil {
		b.Fatal(err)
	}
	benchmarkPairs(b, p)
}
