// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// point is what a front knows of a refused point.
type point struct {
	series, sum uint64
	pairs       []Pair
}

// pointOf makes a point from keys and values in turn.
func pointOf(resource string, attributes ...string) point {
	var p point
	for i := 0; i < len(attributes); i += 2 {
		h := mix(text(attributes[i])^mix(text(attributes[i+1]))) | 1
		p.pairs = append(p.pairs, Pair{Key: attributes[i], Hash: h, Value: attributes[i+1]})
		p.sum += h
	}
	p.series = mix(p.sum ^ mix(text(resource)))
	return p
}

func text(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return mix(h.Sum64())
}

func caseOf(tenant, metric string) *Case {
	return &Case{Tenant: text(tenant), Metric: text(metric), TenantName: tenant, MetricName: metric}
}

var requests = caseOf("shop", "http.requests")

func (b *Board) refuse(c *Case, p point, at time.Time) { b.Refused(c, p.series, p.sum, p.pairs, at) }
func (b *Board) admit(c *Case, p point, at time.Time)  { b.Added(c, p.series, p.sum, p.pairs, at) }

// only returns what a report says of the one case there is.
func (b *Board) only(t *testing.T, at time.Time) Metric {
	t.Helper()
	r := b.Report(at, 10, nil, nil)
	if len(r.Metrics) != 1 {
		t.Fatalf("%d cases in the report, want 1", len(r.Metrics))
	}
	return r.Metrics[0]
}

func (m Metric) key(t *testing.T, name string) KeyStats {
	t.Helper()
	for _, k := range m.Keys {
		if k.Key == name {
			return k
		}
	}
	t.Fatalf("no key %q in the report: %+v", name, m.Keys)
	return KeyStats{}
}

func TestEveryPointCountsEverySeriesOnce(t *testing.T) {
	b := New(Options{}, start)
	for range 5 {
		for i := range 40 {
			b.refuse(requests, pointOf("r", "user", strconv.Itoa(i), "even", strconv.FormatBool(i%2 == 0)), start)
		}
	}
	m := b.only(t, start)
	if m.RefusedPoints != 200 || m.RefusedSeries != 40 {
		t.Errorf("%d points of %d series, want 200 of 40", m.RefusedPoints, m.RefusedSeries)
	}
	if got := m.key(t, "even").Samples; got[0].Series != 20 || got[1].Series != 20 {
		t.Errorf("values %+v, want 20 series for each: a repetition does not count", got)
	}
}

func TestAgainCountsOnlyWhatItRemembers(t *testing.T) {
	b := New(Options{}, start)
	p := pointOf("r", "user", "1")
	if b.Again(requests, p.series, start) {
		t.Error("Again() = true for a case that is not known")
	}
	b.refuse(requests, p, start)
	if !b.Again(requests, p.series, start) {
		t.Error("Again() = false for a series just refused")
	}
	if b.Again(requests, pointOf("r", "user", "2").series, start) {
		t.Error("Again() = true for another series")
	}
	if b.Again(requests, p.series, start.Add(defaultWindow)) {
		t.Error("Again() = true in the next window, which has to learn the series anew")
	}
	if got := b.only(t, start).RefusedPoints; got != 2 {
		t.Errorf("%d points counted, want 2", got)
	}
}

// What remains without a key is exact while there are few, whenever the key came first.
func TestRemainingIsExactWhileSmall(t *testing.T) {
	b := New(Options{}, start)
	for i := range 10 { // without user
		b.refuse(requests, pointOf("r", "status", strconv.Itoa(i%5), "path", strconv.Itoa(i)), start)
	}
	for i := range 20 { // user comes later, in another order
		b.admit(requests, pointOf("r", "user", strconv.Itoa(i), "path", strconv.Itoa(i%4), "status", "7"), start)
	}
	b.refuse(requests, point{series: 1}, start) // no attributes at all
	m := b.only(t, start)
	if m.SeenSeries != 31 || m.RefusedSeries != 11 || m.WithoutResource != 31 {
		t.Errorf("seen %d, refused %d, without resource %d; want 31, 11, 31", m.SeenSeries, m.RefusedSeries, m.WithoutResource)
	}
	for name, want := range map[string][2]int{ // values, remaining
		"user":   {20, 10 + 4 + 1},
		"path":   {10, 5 + 20 + 1},
		"status": {6, 10 + 20 + 1},
	} {
		if k := m.key(t, name); k.Values != want[0] || k.Remaining != want[1] {
			t.Errorf("%s: %d values, %d remaining; want %v", name, k.Values, k.Remaining, want)
		}
	}
}

func TestAKeyThatOccursTwiceIsRemovedTwice(t *testing.T) {
	b := New(Options{}, start)
	for i := range 20 {
		b.refuse(requests, pointOf("r", "a", strconv.Itoa(i), "b", "1", "a", strconv.Itoa(-i)), start)
	}
	if got := b.only(t, start).key(t, "a").Remaining; got != 1 {
		t.Errorf("%d remain without the key, want 1", got)
	}
}

func TestKeysBeyondTheBoundCountAsOne(t *testing.T) {
	b := New(Options{}, start)
	for i := range 50 {
		p := []string{strings.Repeat("long", maxKeyBytes), strconv.Itoa(i)}
		for k := range 40 {
			p = append(p, fmt.Sprintf("key-%02d", k), strconv.Itoa(i*k/39)) // the last ones explode
		}
		b.refuse(requests, pointOf("r", p...), start)
	}
	r := b.table.Load().records[0]
	if len(r.keys) != maxKeys || r.others == nil {
		t.Fatalf("%d keys told apart, others %v", len(r.keys), r.others)
	}
	if got := r.others.values.size(); got < 64 {
		t.Errorf("%d values of other keys, want many", got)
	}
	if m := b.only(t, start); m.SeenSeries != 50 {
		t.Errorf("seen %d, want 50", m.SeenSeries)
	}
}

func TestSeriesAreWantedForOneToTwoWindows(t *testing.T) {
	b := New(Options{Window: time.Minute}, start)
	for i := range 40 {
		b.refuse(requests, pointOf("r", "user", strconv.Itoa(i)), start)
	}
	for i := range 10 {
		b.refuse(requests, pointOf("r", "user", strconv.Itoa(35+i)), start.Add(time.Minute))
	}
	for _, c := range []struct {
		after           time.Duration
		series, novelty int
	}{
		{time.Minute, 45, 5},
		{2*time.Minute - 1, 45, 5},
		{2 * time.Minute, 10, 0},
		{3 * time.Minute, 0, 0},
	} {
		m := b.only(t, start.Add(c.after))
		if m.RefusedSeries != c.series || m.NewSeries != c.novelty {
			t.Errorf("after %v: %d series, %d new; want %d, %d", c.after, m.RefusedSeries, m.NewSeries, c.series, c.novelty)
		}
	}
	if got := b.only(t, start.Add(time.Hour)).RefusedPoints; got != 50 {
		t.Errorf("%d points, want 50: they are never forgotten", got)
	}
}

func TestAFreshWindowDoesNotForgetAtOnce(t *testing.T) {
	b := New(Options{Window: time.Minute}, start)
	for i := range 50 {
		b.refuse(requests, pointOf("r", "user", strconv.Itoa(i)), start)
	}
	b.refuse(requests, pointOf("r", "user", "0"), start.Add(time.Minute))
	m := b.only(t, start.Add(time.Minute))
	if k := m.key(t, "user"); k.Values != 50 || k.Remaining != 1 || m.SeenSeries != 50 {
		t.Errorf("user has %d values of %d series, want what the full window knew", k.Values, m.SeenSeries)
	}
	b.refuse(requests, pointOf("r", "user", "0", "late", "1"), start.Add(time.Minute))
	if k := b.only(t, start.Add(time.Minute)).key(t, "late"); k.Remaining != 50 {
		t.Errorf("%d remain without a key that came late, want the 50 of the full window", k.Remaining)
	}
	for i := range 3 { // user is gone, zone came
		b.refuse(requests, pointOf("r", "zone", strconv.Itoa(i)), start.Add(2*time.Minute+time.Duration(i)*time.Minute))
	}
	for _, k := range b.only(t, start.Add(4*time.Minute)).Keys {
		if k.Key == "user" {
			t.Error("a key that was not seen for a window still has its place")
		}
	}
}

func TestTheCaseSilentForLongestMakesRoom(t *testing.T) {
	b := New(Options{Cases: 3, Idle: time.Minute}, start)
	tell := func(metric string, after time.Duration) {
		b.refuse(caseOf("t", metric), pointOf("r", "k", metric), start.Add(after))
	}
	tell("a", 0)
	tell("b", 1*time.Second)
	tell("c", 2*time.Second)
	tell("a", 30*time.Second)
	tell("d", 40*time.Second) // nobody is idle: d is turned away
	d := caseOf("t", "d")
	if !b.Again(d, 1, start.Add(60*time.Second)) { // b is not idle yet
		t.Error("Again() = false, but nothing can be told to a case without room")
	}
	if b.Again(d, 1, start.Add(61*time.Second)) {
		t.Error("Again() = true, but there is room now")
	}
	tell("d", 61*time.Second) // b goes
	tell("e", 61*time.Second) // c is not idle yet
	tell("e", 62*time.Second) // c goes

	report := b.Report(start.Add(62*time.Second), 10, nil, nil)
	var names []string
	for _, m := range report.Metrics {
		names = append(names, m.Metric)
	}
	if got := strings.Join(names, ""); got != "ade" {
		t.Errorf("cases %q, want ade", got)
	}
	want := Totals{
		Cases: 3, RefusedPoints: 9, RefusedSeries: 3, Demand: 3, EvictedCases: 2, UnattributedPoints: 3,
	}
	if report.Totals != want {
		t.Errorf("totals %+v, want %+v", report.Totals, want)
	}
}

func TestARefusedCaseGoesBeforeOneThatOnlyGrows(t *testing.T) {
	b := New(Options{Cases: 2}, start)
	b.admit(caseOf("t", "grows"), pointOf("r", "k", "1"), start)
	b.refuse(caseOf("t", "full"), pointOf("r", "k", "1"), start)
	b.admit(caseOf("t", "grows too"), pointOf("r", "k", "1"), start)
	b.refuse(caseOf("t", "full too"), pointOf("r", "k", "1"), start)
	b.refuse(caseOf("t", "late"), pointOf("r", "k", "1"), start)

	totals := b.Report(start, 0, nil, nil).Totals
	if totals.UnattributedSeries != 1 || totals.UnattributedPoints != 1 || totals.EvictedCases != 1 {
		t.Errorf("totals %+v, want one of each", totals)
	}
	table := b.table.Load()
	for _, metric := range []string{"full", "full too"} {
		if c := caseOf("t", metric); table.find(c.Tenant, c.Metric) == nil {
			t.Errorf("no case for %q", metric)
		}
	}
}

func TestNamesAreShortenedAndNotShared(t *testing.T) {
	b := New(Options{}, start)
	long := strings.Repeat("é", 10_000)
	b.refuse(&Case{Tenant: 1, Metric: 2, TenantName: "a\xffb", MetricName: long}, pointOf("r"), start)
	m := b.only(t, start)
	if m.Tenant != "a\uFFFDb" || m.Metric != strings.Repeat("é", maxNameRunes)+"..." {
		t.Errorf("tenant %q, metric of %d bytes", m.Tenant, len(m.Metric))
	}
}

// Many goroutines tell of the same series and different ones, ask for verdicts and
// reports, and let windows end and cases go.
func TestBoardConcurrentSafe(t *testing.T) {
	b := New(Options{Cases: 8, Window: time.Minute, Idle: 30 * time.Second}, start)
	const workers, rounds = 8, 2000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				at := start.Add(time.Duration(i/500) * 30 * time.Second)
				c := caseOf("t", strconv.Itoa(i%6))
				p := pointOf(strconv.Itoa(w), "user", strconv.Itoa(i%200), "status", "200")
				if !b.Again(c, p.series, at) {
					b.refuse(c, p, at)
				}
				switch i % 100 {
				case 0:
					b.admit(caseOf("t", "grows"+strconv.Itoa(i/500)), p, at)
					b.Blame(c, 100, []string{"status"})
				case 50:
					b.Report(at, 3, []int{10}, nil)
					b.Bytes()
				}
			}
		})
	}
	wg.Wait()
	if got := b.Report(start.Add(2*time.Minute), 0, nil, nil).Totals; got.RefusedPoints != workers*rounds {
		t.Errorf("totals %+v, want %d points", got, workers*rounds)
	}
}
