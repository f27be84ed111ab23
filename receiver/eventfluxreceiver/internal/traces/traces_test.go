// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

var wide = Limits{Window: time.Minute, Traces: 8, Spans: 16, Queries: 2}

// of is a span of trace t.
func of(t, id, parent byte, origin Origin) Span {
	s := Span{Origin: origin, Query: "q"}
	s.Trace[0], s.ID[0], s.Parent[0] = t, id, parent
	return s
}

// arrival is a span and when it came.
type arrival struct {
	after time.Duration
	span  Span
}

func TestEachSpanHasOneVerdict(t *testing.T) {
	lacking := of(1, 1, 0, Local)
	lacking.Lacks = true
	for name, tt := range map[string]struct {
		limits  Limits
		spans   []arrival
		want    [VerdictCount]int64
		lacking int64
		open    int
	}{
		"a complete trace, the parent last": {
			wide,
			[]arrival{{0, of(1, 2, 1, Local)}, {time.Second, of(1, 1, 0, Local)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 2},
			0, 1,
		},
		"a parent that never came": {
			wide,
			[]arrival{{0, of(1, 2, 1, Local)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Orphan: 1},
			0, 1,
		},
		"a parent of the same ID in another trace is another": {
			wide,
			[]arrival{{0, of(2, 1, 0, Local)}, {0, of(1, 2, 1, Local)}, {time.Minute, of(3, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 1, Orphan: 1},
			0, 1,
		},
		"a parent in another process": {
			wide,
			[]arrival{{0, of(1, 2, 1, Remote)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 1},
			0, 1,
		},
		"a parent of which nothing is said": {
			wide,
			[]arrival{{0, of(1, 2, 1, Unknown)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Unjudged: 1},
			0, 1,
		},
		"the same, and it came": {
			wide,
			[]arrival{{0, of(1, 2, 1, Unknown)}, {0, of(1, 1, 0, Unknown)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 2},
			0, 1,
		},
		"nothing is judged before the window is over": {
			wide,
			[]arrival{{0, of(1, 2, 1, Local)}, {time.Minute - 1, of(2, 1, 0, Local)}},
			[VerdictCount]int64{},
			0, 2,
		},
		"a span after its window, of which a parent is late, too": {
			wide,
			[]arrival{{0, of(1, 2, 1, Local)}, {time.Minute, of(1, 1, 0, Local)}},
			[VerdictCount]int64{Orphan: 1, Late: 1},
			0, 0,
		},
		"a span that is sent again": {
			wide,
			[]arrival{{0, of(1, 1, 0, Local)}, {time.Second, of(1, 1, 0, Local)}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 1},
			0, 1,
		},
		"spans without an ID": {
			wide,
			[]arrival{{0, of(0, 1, 0, Local)}, {0, of(1, 0, 0, Local)}},
			[VerdictCount]int64{Unjudged: 2},
			0, 0,
		},
		"a span that lacks an attribute has its place all the same": {
			wide,
			[]arrival{{0, lacking}, {time.Minute, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 1},
			1, 1,
		},
		"too many traces close the oldest": {
			Limits{Window: time.Minute, Traces: 1, Spans: 9, Queries: 2},
			[]arrival{{0, of(1, 2, 1, Local)}, {0, of(1, 3, 2, Local)}, {0, of(2, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 1, Unjudged: 1},
			0, 1,
		},
		"too many spans close the oldest trace": {
			Limits{Window: time.Minute, Traces: 9, Spans: 2, Queries: 2},
			[]arrival{
				{0, of(1, 2, 1, Local)},
				{0, of(2, 2, 1, Local)},
				{0, of(2, 1, 0, Local)}, // closes trace 1
				{0, of(1, 1, 0, Local)}, // is a root all the same
				{0, of(1, 3, 2, Local)},
			},
			[VerdictCount]int64{Placed: 1, Unjudged: 2},
			0, 2,
		},
		"a trace that is too large for all": {
			Limits{Window: time.Minute, Traces: 9, Spans: 2, Queries: 2},
			[]arrival{{0, of(1, 3, 2, Local)}, {0, of(1, 2, 1, Local)}, {0, of(1, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 2, Unjudged: 1},
			0, 0,
		},
		"a clock that goes back opens no window again": {
			wide,
			[]arrival{{time.Minute, of(1, 1, 0, Local)}, {0, of(2, 1, 0, Local)}, {2*time.Minute - 1, of(3, 1, 0, Local)}, {2 * time.Minute, of(4, 1, 0, Local)}},
			[VerdictCount]int64{Placed: 2},
			0, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(tt.limits)
			now := start
			for _, a := range tt.spans {
				now = start.Add(a.after)
				table.Add(slices.Values([]Span{a.span}), now)
			}
			counts := table.Counts(now)
			if len(counts) != 3 || counts[2].Query != "q" {
				t.Fatalf("counts are %+v, want those of q behind the two that are always there", counts)
			}
			if counts[2].Verdicts != tt.want || counts[2].Lacking != tt.lacking {
				t.Errorf("got %v and %d lacking, want %v and %d", counts[2].Verdicts, counts[2].Lacking, tt.want, tt.lacking)
			}
			if got := table.Open(); got != tt.open {
				t.Errorf("%d spans are open, want %d", got, tt.open)
			}
		})
	}
}

func TestQueriesAreBounded(t *testing.T) {
	table := New(wide)
	for i, query := range []string{"", "a", "b", "c", "b", string(make([]byte, maxQuery+1))} {
		s := of(1, byte(i+1), 0, Local)
		s.Query = query
		table.Add(slices.Values([]Span{s}), start)
	}
	got := map[string]int64{}
	counts := table.Counts(start.Add(time.Hour))
	for i, c := range counts {
		got[strconv.Itoa(i)+c.Query] = c.Verdicts[Placed]
	}
	want := map[string]int64{"0": 1, "1": 2, "2a": 1, "3b": 2}
	for key, n := range want {
		if got[key] != n || len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestFlagsTellWhereAParentIs(t *testing.T) {
	for flags, want := range map[uint32]Origin{0: Unknown, 1: Unknown, 0x200: Unknown, 0x100: Local, 0x101: Local, 0x300: Remote} {
		if got := ParseOrigin(flags); got != want {
			t.Errorf("ParseOrigin(%#x) = %d, want %d", flags, got, want)
		}
	}
}

// model does what a table does, in the plainest way.
type model struct {
	limits Limits
	now    time.Time
	traces []*modelTrace
	counts map[string]*Counts
}

type modelTrace struct {
	id        [16]byte
	opened    time.Time
	open, cut bool
	spans     []Span
}

func (m *model) count(query string) *Counts {
	if m.counts[query] == nil {
		m.counts[query] = &Counts{Query: query}
	}
	return m.counts[query]
}

func (m *model) judge(tr *modelTrace, cut bool) {
	for _, s := range tr.spans {
		there := slices.ContainsFunc(tr.spans, func(o Span) bool { return o.ID == s.Parent })
		verdict := Unjudged
		switch {
		case s.rooted() || there:
			verdict = Placed
		case s.Origin == Local && !cut:
			verdict = Orphan
		}
		m.count(s.Query).Verdicts[verdict]++
	}
	tr.spans, tr.open, tr.cut = nil, false, cut
}

func (m *model) close(now time.Time) {
	if now.After(m.now) {
		m.now = now
	}
	for _, tr := range m.traces {
		if tr.open && m.now.Sub(tr.opened) >= m.limits.Window {
			m.judge(tr, false)
		}
	}
}

func (m *model) cutOldest() {
	i := slices.IndexFunc(m.traces, func(tr *modelTrace) bool { return tr.open })
	m.judge(m.traces[i], true)
}

func (m *model) open() (n int) {
	for _, tr := range m.traces {
		n += len(tr.spans)
	}
	return n
}

func (m *model) add(s Span) {
	i := slices.IndexFunc(m.traces, func(tr *modelTrace) bool { return tr.id == s.Trace })
	if i < 0 {
		if len(m.traces) == m.limits.Traces {
			if m.traces[0].open {
				m.cutOldest()
			}
			m.traces = m.traces[1:]
		}
		m.traces = append(m.traces, &modelTrace{id: s.Trace, opened: m.now, open: true})
		i = len(m.traces) - 1
	}
	tr := m.traces[i]
	if tr.open && slices.ContainsFunc(tr.spans, func(o Span) bool { return o.ID == s.ID }) {
		return
	}
	for tr.open && m.open() == m.limits.Spans {
		m.cutOldest()
	}
	switch {
	case tr.open:
		tr.spans = append(tr.spans, s)
	case !tr.cut:
		m.count(s.Query).Verdicts[Late]++
	case s.rooted():
		m.count(s.Query).Verdicts[Placed]++
	default:
		m.count(s.Query).Verdicts[Unjudged]++
	}
}

// play gives both a table and the model spans that data tells, four bytes each.
func play(t *testing.T, data []byte, traces, spans int) {
	t.Helper()
	limits := Limits{Window: 16 * time.Second, Traces: traces, Spans: spans, Queries: 4}
	table, plain := New(limits), &model{limits: limits, counts: map[string]*Counts{}}
	now := start
	for len(data) >= 4 {
		s := of(1+data[0]%13, 1+data[1]%7, data[2]%8, Origin(data[3]%3))
		s.Query = strconv.Itoa(int(data[3] / 64))
		now = now.Add(time.Duration(data[0]/32) * time.Second)
		table.Add(slices.Values([]Span{s}), now)
		plain.close(now)
		plain.add(s)
		if got, want := table.Open(), plain.open(); got != want {
			t.Fatalf("%d spans are open, want %d", got, want)
		}
		data = data[4:]
	}
	now = now.Add(limits.Window)
	plain.close(now)
	for _, c := range table.Counts(now)[firstQuery:] {
		if want := plain.count(c.Query); c != *want {
			t.Errorf("counts of query %s are %+v, want %+v", c.Query, c, *want)
		}
	}
	if got := table.Open(); got != 0 {
		t.Errorf("%d spans are open after all windows", got)
	}
}

func FuzzTableAgreesWithAPlainModel(f *testing.F) {
	f.Add([]byte("some spans of a few traces, and no more of them than fit"), uint8(3), uint8(5))
	f.Fuzz(func(t *testing.T, data []byte, traces, spans uint8) {
		play(t, data, 1+int(traces%16), 1+int(spans%32))
	})
}

func TestTableAgreesWithAPlainModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		data := make([]byte, 4000)
		for i := 0; i < len(data); i += 8 {
			binary.LittleEndian.PutUint64(data[i:], r.Uint64())
		}
		play(t, data, 1+r.IntN(16), 1+r.IntN(32))
	}
}

func TestNothingIsAllocatedForASpan(t *testing.T) {
	table, next := New(Limits{Window: time.Second, Traces: 100, Spans: 1000, Queries: 10}), steady()
	now := start
	round := func() {
		now = now.Add(10 * time.Millisecond)
		table.Add(next, now)
	}
	round()
	if n := testing.AllocsPerRun(1000, round); n > 2 {
		t.Errorf("%v allocations for 10 spans, want the 2 that a batch costs", n)
	}
}

// steady yields ten spans of one trace, and of another one each time.
func steady() func(yield func(Span) bool) {
	var trace uint64
	return func(yield func(Span) bool) {
		trace++
		for id := range byte(10) {
			s := of(0, id+1, id, Local)
			binary.LittleEndian.PutUint64(s.Trace[8:], trace)
			if !yield(s) {
				return
			}
		}
	}
}

// BenchmarkAdd is in steady state: for each trace that comes, one is judged.
func BenchmarkAdd(b *testing.B) {
	table, next := New(Limits{Window: 30 * time.Second, Traces: 20_000, Spans: 100_000, Queries: 100}), steady()
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Millisecond) // 6000 open traces
		table.Add(next, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/span")
}
