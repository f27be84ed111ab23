// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var (
	deltaHistogram      = Form{Type: pmetric.MetricTypeHistogram}
	cumulativeHistogram = Form{Type: pmetric.MetricTypeHistogram, Cumulative: true}
)

// explicit returns a point of measurements.
func explicit(start, at pcommon.Timestamp, bounds []float64, of ...float64) *Point {
	p := pmetric.NewHistogramDataPoint()
	p.ExplicitBounds().FromRaw(bounds)
	counts := make([]uint64, len(bounds)+1)
	sum := 0.0
	for _, v := range of {
		i, _ := slices.BinarySearch(bounds, v)
		counts[i]++
		sum += v
	}
	p.BucketCounts().FromRaw(counts)
	p.SetCount(uint64(len(of)))
	p.SetSum(sum)
	if len(of) > 0 {
		p.SetMin(slices.Min(of))
		p.SetMax(slices.Max(of))
	}
	return spanning(start, at, HistogramPoint(p))
}

func writtenHistogram(f Form, v *Value) pmetric.HistogramDataPoint {
	return f.Write(v, pmetric.NewMetric()).histogram
}

// sameHistogram compares what is written, times and exemplars apart.
func sameHistogram(t *testing.T, what string, got pmetric.HistogramDataPoint, want *Point) {
	t.Helper()
	w := want.histogram
	if !slices.Equal(got.ExplicitBounds().AsRaw(), w.ExplicitBounds().AsRaw()) || !slices.Equal(got.BucketCounts().AsRaw(), w.BucketCounts().AsRaw()) {
		t.Fatalf("%s: %v in %v, want %v in %v", what, got.BucketCounts().AsRaw(), got.ExplicitBounds().AsRaw(), w.BucketCounts().AsRaw(), w.ExplicitBounds().AsRaw())
	}
	if got.Count() != w.Count() || got.Sum() != w.Sum() || got.HasSum() != w.HasSum() {
		t.Fatalf("%s: count %d, sum %v (%v), want %d, %v (%v)", what, got.Count(), got.Sum(), got.HasSum(), w.Count(), w.Sum(), w.HasSum())
	}
}

func TestT13HistogramsAddUpOnTheBoundsThatTheyShare(t *testing.T) {
	cases := map[string]struct {
		a, b []float64
		want []float64
	}{
		"equal":    {[]float64{1, 2, 5}, []float64{1, 2, 5}, []float64{1, 2, 5}},
		"subset":   {[]float64{1, 2, 5}, []float64{2}, []float64{2}},
		"superset": {[]float64{2}, []float64{1, 2, 5}, []float64{2}},
		"overlap":  {[]float64{1, 2, 5}, []float64{0, 2, 4, 5, 9}, []float64{2, 5}},
		"disjoint": {[]float64{1, 3}, []float64{2, 4}, nil},
		"none":     {nil, []float64{2, 4}, nil},
	}
	for name, c := range cases {
		of := []float64{0, 1, 1.5, 2, 3, 4, 5, 7}
		want := explicit(0, 0, c.want, append(slices.Clone(of), of...)...)
		var v, a, b Value
		deltaHistogram.Add(&v, explicit(0, 1, c.a, of...))
		deltaHistogram.Add(&v, explicit(0, 1, c.b, of...))
		sameHistogram(t, name, writtenHistogram(deltaHistogram, &v), want)
		deltaHistogram.Add(&a, explicit(0, 1, c.a, of...))
		deltaHistogram.Add(&b, explicit(0, 1, c.b, of...))
		deltaHistogram.Merge(&b, &a)
		sameHistogram(t, name+", merged", writtenHistogram(deltaHistogram, &b), want)

		// A source that changes its bounds while it runs is compared on those it had before.
		var total, last Value
		cumulativeHistogram.AddSince(&total, &last, explicit(1, 1, c.a, of...), true)
		all := append(slices.Clone(of), 0.5, 4.5, 6)
		if since := cumulativeHistogram.AddSince(&total, &last, explicit(1, 2, c.b, all...), true); since != Continued {
			t.Fatalf("%s: %d", name, since)
		}
		sameHistogram(t, name+", cumulative", writtenHistogram(cumulativeHistogram, &total), explicit(0, 0, c.want, all...))
		all = append(all, 1, 2)
		cumulativeHistogram.AddSince(&total, &last, explicit(1, 3, c.b, all...), true)
		sameHistogram(t, name+", cumulative again", writtenHistogram(cumulativeHistogram, &total), explicit(0, 0, c.want, all...))
	}
}

func TestBoundsOfNoMeasurementsCostNothing(t *testing.T) {
	empty, some := explicit(0, 1, nil), explicit(0, 1, []float64{1, 2}, 1, 1.5)
	for _, points := range [][]*Point{{empty, some}, {some, empty}} {
		var v, total, last Value
		for i, p := range points {
			deltaHistogram.Add(&v, p)
			cumulativeHistogram.AddSince(&total, &last, spanning(0, pcommon.Timestamp(i+1), p), true)
		}
		sameHistogram(t, "delta", writtenHistogram(deltaHistogram, &v), some)
		sameHistogram(t, "cumulative", writtenHistogram(cumulativeHistogram, &total), some)
	}
}

func TestT14ExtremesAreOfDeltasAlone(t *testing.T) {
	bounds := []float64{10}
	var v, total, last Value
	deltaHistogram.Add(&v, explicit(0, 1, bounds, 3, 4))
	deltaHistogram.Add(&v, explicit(0, 1, bounds))
	deltaHistogram.Add(&v, explicit(0, 1, bounds, -2, 30))
	if p := writtenHistogram(deltaHistogram, &v); !p.HasMin() || !p.HasMax() || p.Min() != -2 || p.Max() != 30 {
		t.Errorf("from %v (%v) to %v (%v), want -2 to 30", p.Min(), p.HasMin(), p.Max(), p.HasMax())
	}
	unknown := explicit(0, 1, bounds, 7)
	unknown.histogram.RemoveMin()
	deltaHistogram.Add(&v, unknown)
	if p := writtenHistogram(deltaHistogram, &v); p.HasMin() || !p.HasMax() {
		t.Error("the lowest of measurements of which one is not known is not known; the highest is")
	}
	cumulativeHistogram.AddSince(&total, &last, explicit(0, 1, bounds, 3, 4), true)
	cumulativeHistogram.AddSince(&total, &last, explicit(0, 2, bounds, 3, 4, 5), true)
	if p := writtenHistogram(cumulativeHistogram, &total); p.HasMin() || p.HasMax() {
		t.Error("a cumulative histogram has extremes")
	}
}

func TestT15ASumOfWhichAPartIsNotKnownIsNotKnown(t *testing.T) {
	bounds := []float64{10}
	without := func(p *Point) *Point { p.histogram.RemoveSum(); return p }
	infinite := explicit(0, 1, bounds, 1)
	infinite.histogram.SetSum(math.Inf(1))
	for name, p := range map[string]*Point{"absent": without(explicit(0, 1, bounds, 1)), "infinite": infinite} {
		var v Value
		if r := deltaHistogram.Check(p); r != Foldable {
			t.Errorf("%s: %q", name, r)
		}
		deltaHistogram.Add(&v, explicit(0, 1, bounds, 5))
		deltaHistogram.Add(&v, without(explicit(0, 1, bounds)))
		if p := writtenHistogram(deltaHistogram, &v); !p.HasSum() || p.Sum() != 5 {
			t.Errorf("%s: the sum of no measurements is known to be 0", name)
		}
		deltaHistogram.Add(&v, p)
		deltaHistogram.Add(&v, explicit(0, 1, bounds, 5))
		if p := writtenHistogram(deltaHistogram, &v); p.HasSum() || p.Count() != 3 {
			t.Errorf("%s: has sum %v, count %d", name, p.HasSum(), p.Count())
		}
		v.Reset()
		deltaHistogram.Add(&v, explicit(0, 1, bounds, 5))
		if !writtenHistogram(deltaHistogram, &v).HasSum() {
			t.Errorf("%s: the next window has no sum", name)
		}
	}
	var v Value
	for range 2 {
		large := explicit(0, 1, bounds, 1)
		large.histogram.SetSum(0.9 * maxDouble)
		deltaHistogram.Add(&v, large)
	}
	if writtenHistogram(deltaHistogram, &v).HasSum() {
		t.Error("a sum that is too large is known")
	}
	var total, last Value
	cumulativeHistogram.AddSince(&total, &last, without(explicit(0, 1, bounds, 5)), true)
	cumulativeHistogram.AddSince(&total, &last, explicit(0, 2, bounds, 5, 6), true)
	if writtenHistogram(cumulativeHistogram, &total).HasSum() {
		t.Error("a sum that was not known before is known")
	}
}

func TestCheckOfHistograms(t *testing.T) {
	with := func(count uint64, bounds []float64, counts ...uint64) *Point {
		p := pmetric.NewHistogramDataPoint()
		p.SetCount(count)
		p.ExplicitBounds().FromRaw(bounds)
		p.BucketCounts().FromRaw(counts)
		return HistogramPoint(p)
	}
	rising := make([]float64, MaxBuckets)
	for i := range rising {
		rising[i] = float64(i)
	}
	none := with(0, nil)
	none.histogram.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	cases := map[string]struct {
		point *Point
		want  Reason
	}{
		"buckets":                {with(3, []float64{1, 2}, 1, 0, 2), Foldable},
		"one bucket":             {with(3, nil, 3), Foldable},
		"a count alone":          {with(3, nil), Foldable},
		"bounds without counts":  {with(0, []float64{1}), InvalidValue},
		"too few counts":         {with(3, []float64{1, 2}, 1, 2), InvalidValue},
		"too many counts":        {with(3, []float64{1}, 1, 1, 1), InvalidValue},
		"counts above the count": {with(2, []float64{1}, 1, 2), InvalidValue},
		"counts below the count": {with(4, []float64{1}, 1, 2), InvalidValue},
		"counts that wrap":       {with(1, []float64{1}, math.MaxUint64, 2), InvalidValue},
		"equal bounds":           {with(1, []float64{1, 1}, 1, 0, 0), InvalidValue},
		"falling bounds":         {with(1, []float64{2, 1}, 1, 0, 0), InvalidValue},
		"a bound that is NaN":    {with(1, []float64{math.NaN()}, 1, 0), InvalidValue},
		"most buckets":           {with(0, rising[1:], make([]uint64, MaxBuckets)...), Foldable},
		"too many buckets":       {with(0, rising, make([]uint64, MaxBuckets+1)...), TooManyBuckets},
		"end of a series":        {none, NoRecordedValue},
	}
	for name, c := range cases {
		if got := deltaHistogram.Check(c.point); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestCountsBeyond64BitsAreRefusedAndLeaveTheValueAsItWas(t *testing.T) {
	full := pmetric.NewHistogramDataPoint()
	full.SetCount(math.MaxUint64)
	var v, o, total, last Value
	some := explicit(0, 1, []float64{1}, 1, 2)
	deltaHistogram.Add(&v, some)
	deltaHistogram.Add(&o, HistogramPoint(full))
	if r := deltaHistogram.Add(&v, HistogramPoint(full)); r != CountOverflow {
		t.Errorf("add: %q", r)
	}
	if r := deltaHistogram.Merge(&v, &o); r != CountOverflow {
		t.Errorf("merge: %q", r)
	}
	sameHistogram(t, "after both", writtenHistogram(deltaHistogram, &v), some)
	if v.Points != 1 {
		t.Errorf("%d points", v.Points)
	}
	cumulativeHistogram.AddSince(&total, &o, some, true)
	if since := cumulativeHistogram.AddSince(&total, &last, HistogramPoint(full), true); since != NoRoom || last.Empty() {
		t.Errorf("since: %d", since)
	}
}

// source is a process that measures, and what a cumulative point of it says.
type source struct {
	start, at pcommon.Timestamp
	seen      []float64 // since start
	told      []float64 // what the last point said
	bounds    []float64
	scale     int32
	threshold float64
	last      Value
	past      []*Point // what may arrive again
}

// run lets sources measure, start anew and send again what they have sent, and returns
// what a collector that sees their points can know. Points are made by point.
func run(rng *rand.Rand, f Form, v *Value, sources []*source, steps int, measure func() float64, start func(*source), point func(*source) *Point) (known []float64) {
	now := pcommon.Timestamp(1)
	for range steps {
		s := sources[rng.IntN(len(sources))]
		now += 2
		switch rng.IntN(12) {
		case 0:
			s.start, s.seen, s.told, s.past = now, nil, nil, nil
			start(s)
		case 1:
			if len(s.past) > 0 { // repeated or late
				f.AddSince(v, &s.last, s.past[rng.IntN(len(s.past))], true)
			}
			continue
		}
		for range rng.IntN(5) {
			s.seen = append(s.seen, measure())
		}
		now++
		s.at = now
		p := point(s)
		whole := rng.IntN(2) == 0
		switch f.AddSince(v, &s.last, p, whole) {
		case Continued:
			known = append(known, s.seen[len(s.told):]...)
		case Whole, Restarted:
			known = append(known, s.seen...)
		case Late, NoRoom:
			panic("a newer point was taken for a late one, or for too large")
		default:
		}
		s.told = s.seen
		s.past = append(s.past, p)
	}
	return known
}

func TestG11HistogramsConserveEveryMeasurement(t *testing.T) {
	shapes := [][]float64{{1, 2, 5, 10}, {1, 2, 5, 10}, {2, 5, 8}, {5}, {0, 1, 2, 3, 4, 5, 10, 20}}
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		several := 1 + rng.IntN(len(shapes))
		begin := func(s *source) { s.bounds = shapes[rng.IntN(several)] }
		var v Value
		sources := make([]*source, 1+rng.IntN(5))
		for i := range sources {
			sources[i] = &source{start: 1}
			begin(sources[i])
		}
		known := run(rng, cumulativeHistogram, &v, sources, 60,
			func() float64 { return float64(rng.IntN(25) - 2) }, begin,
			func(s *source) *Point { return explicit(s.start, s.at, s.bounds, s.seen...) })
		if len(known) == 0 {
			continue
		}
		p := writtenHistogram(cumulativeHistogram, &v)
		bounds := p.ExplicitBounds().AsRaw()
		if several <= 2 && !slices.Equal(bounds, shapes[0]) || several == len(shapes) && len(bounds) == 0 {
			t.Fatalf("seed %d: bounds %v", seed, bounds)
		}
		sameHistogram(t, "cumulative", p, explicit(0, 0, bounds, known...))

		// The same measurements as deltas, in parts that are merged in any order.
		parts := make([]Value, 3)
		for _, m := range known {
			deltaHistogram.Add(&parts[rng.IntN(3)], explicit(0, 1, shapes[rng.IntN(several)], m))
		}
		for _, i := range rng.Perm(3) {
			if i > 0 {
				deltaHistogram.Merge(&parts[0], &parts[i])
			}
		}
		p = writtenHistogram(deltaHistogram, &parts[0])
		want := explicit(0, 0, p.ExplicitBounds().AsRaw(), known...)
		sameHistogram(t, "delta", p, want)
		if p.Min() != want.histogram.Min() || p.Max() != want.histogram.Max() {
			t.Fatalf("seed %d: extremes", seed)
		}
	}
}

func TestMergeOfHistogramsIsAssociativeAndCommutative(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		var abc [3]Value
		for i := range abc {
			for range 1 + rng.IntN(3) {
				bounds := []float64{1, 2, 3, 4, 5, 6}
				bounds = slices.DeleteFunc(bounds, func(float64) bool { return rng.IntN(3) == 0 })
				deltaHistogram.Add(&abc[i], explicit(0, 1, bounds, float64(rng.IntN(8)), float64(rng.IntN(8))))
			}
		}
		sameInEveryOrder(t, deltaHistogram, &abc, func(v *Value) []byte { return v.Append(nil) })
	}
}

// sameInEveryOrder merges three values in all ways and compares the results.
func sameInEveryOrder(t *testing.T, f Form, abc *[3]Value, encode func(*Value) []byte) {
	t.Helper()
	var want []byte
	for _, o := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var left, right, tail Value
		for _, i := range o {
			f.Merge(&left, &abc[i]) // (a+b)+c
		}
		f.Merge(&tail, &abc[o[1]])
		f.Merge(&tail, &abc[o[2]])
		f.Merge(&right, &abc[o[0]])
		f.Merge(&right, &tail) // a+(b+c)
		for _, v := range []*Value{&left, &right} {
			got := encode(v)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Fatalf("order %v: %x, want %x", o, got, want)
			}
		}
	}
}

// hostile makes buckets of fuzzed bytes.
func hostile(data []byte, most int) []uint64 {
	counts := make([]uint64, min(len(data), most))
	for i := range counts {
		counts[i] = uint64(data[i])
		if data[i] > 250 {
			counts[i] = math.MaxUint64 >> (255 - data[i])
		}
	}
	return counts
}

func FuzzHistogram(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{1, 2}, []byte{3, 4, 5}, []byte{1, 2}, uint64(6), uint64(12))
	f.Add([]byte{1, 2, 3}, []byte{1, 2}, []byte{4}, []byte{}, uint64(6), uint64(4))
	f.Add([]byte{255}, []byte{}, []byte{255}, []byte{}, uint64(math.MaxUint64), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, countsA, boundsA, countsB, boundsB []byte, countA, countB uint64) {
		of := func(counts, bounds []byte, count uint64, at pcommon.Timestamp) *Point {
			p := pmetric.NewHistogramDataPoint()
			p.BucketCounts().FromRaw(hostile(counts, 2000))
			for _, b := range bounds {
				p.ExplicitBounds().Append(float64(int8(b)))
			}
			p.SetCount(count)
			return spanning(0, at, HistogramPoint(p))
		}
		a, b := of(countsA, boundsA, countA, 1), of(countsB, boundsB, countB, 2)
		if deltaHistogram.Check(a) != Foldable || deltaHistogram.Check(b) != Foldable {
			return
		}
		var v, total, last Value
		deltaHistogram.Add(&v, a)
		want := countA
		if deltaHistogram.Add(&v, b) == Foldable {
			want += countB
		}
		cumulativeHistogram.AddSince(&total, &last, a, true)
		wantTotal := countA
		switch cumulativeHistogram.AddSince(&total, &last, b, true) {
		case Continued:
			wantTotal = countB
		case Restarted:
			wantTotal += countB
		case NoRoom:
		default:
			t.Fatal("the later point was not taken")
		}
		for _, c := range []struct {
			form Form
			v    *Value
			want uint64
		}{{deltaHistogram, &v, want}, {cumulativeHistogram, &total, wantTotal}} {
			p := c.form.Write(c.v, pmetric.NewMetric())
			if r := c.form.Check(p); r != Foldable || p.histogram.Count() != c.want {
				t.Fatalf("written: %q, count %d, want %d", r, p.histogram.Count(), c.want)
			}
		}
	})
}

func TestSourcesShareTheBoundsOfTheirSum(t *testing.T) {
	bounds := []float64{1, 2, 5}
	var v Value
	lasts := make([]Value, 3)
	for i := range lasts {
		for at := range pcommon.Timestamp(3) {
			cumulativeHistogram.AddSince(&v, &lasts[i], explicit(0, at+1, bounds, 3), true)
		}
		if &lasts[i].buckets.bounds[0] != &v.buckets.bounds[0] {
			t.Errorf("source %d has bounds of its own", i)
		}
	}
}
