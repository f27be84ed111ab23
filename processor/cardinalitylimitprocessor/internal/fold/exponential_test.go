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
	deltaExponential      = Form{Type: pmetric.MetricTypeExponentialHistogram}
	cumulativeExponential = Form{Type: pmetric.MetricTypeExponentialHistogram, Cumulative: true}
)

// finest is the scale of the tests' measurements. They lie in the middle of its buckets,
// so that no logarithm decides in which bucket of a lower scale they are.
const finest = 6

func middle(bucket int) float64 { return math.Exp2((float64(bucket) + 0.5) / (1 << finest)) }

func bucketAt(v float64, scale int32) int64 {
	return int64(math.Floor(math.Log2(math.Abs(v))*(1<<finest))) >> (finest - scale)
}

// spread is measurements in buckets, as a reference has them: no arithmetic but sorting
// every measurement in.
type spread struct {
	zero     uint64
	positive map[int64]uint64
	negative map[int64]uint64
}

func spreadOf(scale int32, threshold float64, of []float64) spread {
	s := spread{positive: map[int64]uint64{}, negative: map[int64]uint64{}}
	for _, v := range of {
		switch {
		case math.Abs(v) <= threshold:
			s.zero++
		case v > 0:
			s.positive[bucketAt(v, scale)]++
		default:
			s.negative[bucketAt(v, scale)]++
		}
	}
	return s
}

// exponentialPoint returns a point of measurements. Its arrays have some empty buckets at
// both ends.
func exponentialPoint(start, at pcommon.Timestamp, scale int32, threshold float64, of ...float64) *Point {
	p := pmetric.NewExponentialHistogramDataPoint()
	p.SetScale(scale)
	p.SetZeroThreshold(threshold)
	s := spreadOf(scale, threshold, of)
	p.SetZeroCount(s.zero)
	p.SetCount(uint64(len(of)))
	sum := 0.0
	for _, v := range of {
		sum += v
	}
	p.SetSum(sum)
	fill := func(b pmetric.ExponentialHistogramDataPointBuckets, counts map[int64]uint64) {
		first, last := int64(math.MaxInt64), int64(math.MinInt64)
		for i := range counts {
			first, last = min(first, i-1), max(last, i+1)
		}
		if len(counts) == 0 {
			return
		}
		b.SetOffset(int32(first))
		for i := first; i <= last; i++ {
			b.BucketCounts().Append(counts[i])
		}
	}
	fill(p.Positive(), s.positive)
	fill(p.Negative(), s.negative)
	return spanning(start, at, ExponentialPoint(p))
}

func writtenExponential(f Form, v *Value) pmetric.ExponentialHistogramDataPoint {
	return f.Write(v, pmetric.NewMetric()).exponential
}

func bucketsOf(b pmetric.ExponentialHistogramDataPointBuckets) map[int64]uint64 {
	counts := map[int64]uint64{}
	for i, c := range b.BucketCounts().All() {
		if c > 0 {
			counts[int64(b.Offset())+int64(i)] += c
		}
	}
	return counts
}

// holds fails the test unless a written point holds these measurements, at its own scale
// and threshold.
func holds(t *testing.T, what string, f Form, p pmetric.ExponentialHistogramDataPoint, of []float64) {
	t.Helper()
	if r := f.Check(ExponentialPoint(p)); r != Foldable {
		t.Fatalf("%s: what was written is %q", what, r)
	}
	if n := max(p.Positive().BucketCounts().Len(), p.Negative().BucketCounts().Len()); n > maxScaled {
		t.Fatalf("%s: %d buckets", what, n)
	}
	want := spreadOf(p.Scale(), p.ZeroThreshold(), of)
	if p.Count() != uint64(len(of)) || p.ZeroCount() != want.zero {
		t.Fatalf("%s: count %d, zero count %d (to %v), want %d, %d", what, p.Count(), p.ZeroCount(), p.ZeroThreshold(), len(of), want.zero)
	}
	for _, side := range []struct{ got, want map[int64]uint64 }{
		{bucketsOf(p.Positive()), want.positive}, {bucketsOf(p.Negative()), want.negative},
	} {
		if !mapsEqual(side.got, side.want) {
			t.Fatalf("%s: at scale %d: %v, want %v", what, p.Scale(), side.got, side.want)
		}
	}
	sum := 0.0
	for _, v := range of {
		sum += v
	}
	if math.Abs(p.Sum()-sum) > 1e-9*max(1, math.Abs(sum)) {
		t.Fatalf("%s: sum %v, want %v", what, p.Sum(), sum)
	}
}

func mapsEqual(a, b map[int64]uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestT16ExponentialHistogramsAddUpAtTheLowerScale(t *testing.T) {
	var v Value
	of := []float64{middle(-3), middle(-1), middle(0), middle(5), -middle(-7), -middle(40)}
	deltaExponential.Add(&v, exponentialPoint(0, 1, 6, 0, of...))
	deltaExponential.Add(&v, exponentialPoint(0, 1, 2, 0, of...))
	deltaExponential.Add(&v, exponentialPoint(0, 1, 4, 0, of...))
	p := writtenExponential(deltaExponential, &v)
	holds(t, "three scales", deltaExponential, p, slices.Concat(of, of, of))
	if p.Scale() != 2 {
		t.Errorf("scale %d, want 2", p.Scale())
	}
}

func TestT16TheScaleFallsUntilEachSideFits(t *testing.T) {
	var v Value
	of := []float64{middle(0), middle(159), -middle(0), -middle(-159)}
	deltaExponential.Add(&v, exponentialPoint(0, 1, 6, 0, of...))
	if p := writtenExponential(deltaExponential, &v); p.Scale() != 6 {
		t.Errorf("160 buckets: scale %d, want 6", p.Scale())
	}
	of = append(of, middle(160))
	deltaExponential.Add(&v, exponentialPoint(0, 1, 6, 0, middle(160)))
	p := writtenExponential(deltaExponential, &v)
	if p.Scale() != 5 {
		t.Errorf("161 buckets: scale %d, want 5", p.Scale())
	}
	of = append(of, middle(-64*900), middle(64*900))
	deltaExponential.Add(&v, exponentialPoint(0, 1, 6, 0, middle(-64*900), middle(64*900)))
	holds(t, "1800 powers of two", deltaExponential, writtenExponential(deltaExponential, &v), of)
}

func TestT16TheZeroBucketIsTheWiderOne(t *testing.T) {
	of := []float64{0, middle(-100), middle(-65), middle(-33), middle(10), -middle(-100), -middle(20)}
	narrow, wide := exponentialPoint(0, 1, 6, 0, of...), exponentialPoint(0, 1, 0, 0.6, of...)
	for _, points := range [][]*Point{{narrow, wide}, {wide, narrow}} {
		var v Value
		for _, p := range points {
			deltaExponential.Add(&v, p)
		}
		p := writtenExponential(deltaExponential, &v)
		holds(t, "narrow and wide", deltaExponential, p, slices.Concat(of, of))
		if p.ZeroThreshold() != 1 { // 0.6 is inside (0.5, 1] of scale 0, where middle(-33) is
			t.Errorf("threshold %v, want 1", p.ZeroThreshold())
		}
	}
	var v Value
	deltaExponential.Add(&v, exponentialPoint(0, 1, 0, 0.6, 0, 8))
	deltaExponential.Add(&v, exponentialPoint(0, 1, 0, 0, 0, 8))
	if p := writtenExponential(deltaExponential, &v); p.ZeroThreshold() != 0.6 || p.ZeroCount() != 2 {
		t.Errorf("threshold %v, zero count %d: nothing is in its bucket", p.ZeroThreshold(), p.ZeroCount())
	}
}

func TestT16TheScaleOfASourceMayFallBetweenPoints(t *testing.T) {
	var v, last Value
	of := []float64{0, middle(3), middle(100), -middle(7)}
	for i, c := range []struct {
		scale     int32
		threshold float64
		since     Since
	}{{6, 0, Whole}, {6, 0, Continued}, {3, 0, Continued}, {3, 0.6, Continued}, {5, 0, Continued}, {5, 0.3, Continued}, {2, 0.65, Continued}, {-1, 0, Continued}} {
		of = append(of, middle(40*i-90), middle(i), -middle(100*i))
		p := exponentialPoint(1, pcommon.Timestamp(i+1), c.scale, c.threshold, of...)
		if since := cumulativeExponential.AddSince(&v, &last, p, true); since != c.since {
			t.Fatalf("point %d: %d, want %d", i, since, c.since)
		}
		holds(t, "cumulative", cumulativeExponential, writtenExponential(cumulativeExponential, &v), of)
	}
	p := exponentialPoint(0, 10, 6, 0, of[1:]...)
	if since := cumulativeExponential.AddSince(&v, &last, p, true); since != Restarted {
		t.Errorf("a count that fell: %d", since)
	}
	of = append(of, of[1:]...)
	holds(t, "restarted", cumulativeExponential, writtenExponential(cumulativeExponential, &v), of)
	if last.scaled.scale != 3 { // the finest at which it fits; the one before was at -1
		t.Errorf("a source that starts anew keeps the scale %d", last.scaled.scale)
	}
}

func TestG11ExponentialHistogramsConserveEveryMeasurement(t *testing.T) {
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		reach := 1 << rng.IntN(14)
		thresholds := []float64{0, 0, middle(-reach / 3), 1, middle(reach/2) * 1.003}[:1+rng.IntN(5)]
		measure := func() float64 {
			switch rng.IntN(10) {
			case 0:
				return 0
			case 1, 2:
				return -middle(rng.IntN(2*reach) - reach)
			default:
				return middle(rng.IntN(2*reach) - reach)
			}
		}
		begin := func(s *source) {
			s.scale = int32(rng.IntN(8)) - 1
			s.threshold = thresholds[rng.IntN(len(thresholds))]
		}
		var v Value
		sources := make([]*source, 1+rng.IntN(5))
		for i := range sources {
			sources[i] = &source{start: 1}
			begin(sources[i])
		}
		known := run(rng, cumulativeExponential, &v, sources, 40, measure, begin, func(s *source) *Point {
			if rng.IntN(8) == 0 && s.scale > -4 {
				s.scale--
			}
			if rng.IntN(8) == 0 {
				s.threshold = thresholds[rng.IntN(len(thresholds))]
			}
			return exponentialPoint(s.start, s.at, s.scale, s.threshold, s.seen...)
		})
		holds(t, "cumulative", cumulativeExponential, writtenExponential(cumulativeExponential, &v), known)

		parts := make([]Value, 3)
		for _, m := range known {
			p := exponentialPoint(0, 1, int32(rng.IntN(8))-1, thresholds[rng.IntN(len(thresholds))], m)
			deltaExponential.Add(&parts[rng.IntN(3)], p)
		}
		for _, i := range rng.Perm(3) {
			if i > 0 {
				deltaExponential.Merge(&parts[0], &parts[i])
			}
		}
		holds(t, "delta", deltaExponential, writtenExponential(deltaExponential, &parts[0]), known)
	}
}

func TestMergeOfExponentialHistogramsIsAssociativeAndCommutative(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	encode := func(v *Value) []byte {
		m := pmetric.NewMetrics()
		deltaExponential.Write(v, m.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
		b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for range 1000 {
		reach := 1 << rng.IntN(14)
		var abc [3]Value
		for i := range abc {
			for range 1 + rng.IntN(3) {
				p := exponentialPoint(0, 1, int32(rng.IntN(8))-1, 0,
					middle(rng.IntN(2*reach)-reach), -middle(rng.IntN(2*reach)-reach), 0)
				p.exponential.SetSum(float64(rng.IntN(100))) // whole, so that it is exact in any order
				deltaExponential.Add(&abc[i], p)
			}
		}
		sameInEveryOrder(t, deltaExponential, &abc, encode)
	}
}

func TestCheckOfExponentialHistograms(t *testing.T) {
	with := func(scale int32, count, zero uint64, threshold float64, offset int32, counts ...uint64) *Point {
		p := pmetric.NewExponentialHistogramDataPoint()
		p.SetScale(scale)
		p.SetCount(count)
		p.SetZeroCount(zero)
		p.SetZeroThreshold(threshold)
		p.Positive().SetOffset(offset)
		p.Positive().BucketCounts().FromRaw(counts)
		return ExponentialPoint(p)
	}
	cases := map[string]struct {
		point *Point
		want  Reason
	}{
		"buckets":                        {with(0, 4, 1, 0, -3, 1, 0, 2), Foldable},
		"no buckets":                     {with(0, 4, 4, 0, math.MinInt32), Foldable},
		"empty buckets anywhere":         {with(0, 1, 1, 0, math.MaxInt32, 0, 0, 0), Foldable},
		"the largest double":             {with(0, 1, 0, 0, 1023, 1), Foldable},
		"beyond the largest double":      {with(0, 1, 0, 0, 1024, 1), InvalidValue},
		"the smallest double":            {with(0, 1, 0, 0, -1075, 1), Foldable},
		"below the smallest double":      {with(0, 1, 0, 0, -1076, 1), InvalidValue},
		"a scale above all":              {with(math.MaxInt32, 1, 0, 0, math.MaxInt32, 1), Foldable},
		"a scale below all":              {with(math.MinInt32, 2, 0, 0, -1, 1, 1), Foldable},
		"a scale below all, too far":     {with(math.MinInt32, 1, 0, 0, 1, 1), InvalidValue},
		"a count above its parts":        {with(0, 5, 1, 0, -3, 1, 0, 2), InvalidValue},
		"a count below its parts":        {with(0, 3, 1, 0, -3, 1, 0, 2), InvalidValue},
		"counts that wrap":               {with(0, 1, 2, 0, 0, math.MaxUint64), InvalidValue},
		"a threshold that is NaN":        {with(0, 1, 1, math.NaN(), 0), InvalidValue},
		"a threshold below zero":         {with(0, 1, 1, -1, 0), InvalidValue},
		"a threshold that is not finite": {with(0, 1, 1, math.Inf(1), 0), InvalidValue},
	}
	for name, c := range cases {
		got := deltaExponential.Check(c.point)
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got != Foldable {
			continue
		}
		var v Value
		deltaExponential.Add(&v, c.point)
		deltaExponential.Add(&v, with(2, 3, 1, 0, -3, 1, 0, 1))
		p := writtenExponential(deltaExponential, &v)
		if r := deltaExponential.Check(ExponentialPoint(p)); r != Foldable || p.Count() != c.point.exponential.Count()+3 {
			t.Errorf("%s: written as %q, count %d", name, r, p.Count())
		}
	}
}

func TestABucketThatFellIsANewBeginning(t *testing.T) {
	cases := map[string]struct {
		form         Form
		first, later *Point
	}{
		"explicit":                 {cumulativeHistogram, explicit(0, 1, []float64{1, 2}, 1, 1.5), explicit(0, 2, []float64{1, 2}, 1, 3, 4)},
		"explicit, other bounds":   {cumulativeHistogram, explicit(0, 1, []float64{1, 2}, 1, 1.5), explicit(0, 2, []float64{0, 2}, 1, 3, 4)},
		"exponential":              {cumulativeExponential, exponentialPoint(0, 1, 3, 0, 1.3, 2.3, 2.3, 4.3), exponentialPoint(0, 2, 3, 0, 1.3, 2.3, 4.3, 4.3, 4.3)},
		"exponential, moved up":    {cumulativeExponential, exponentialPoint(0, 1, 3, 0, 1.3), exponentialPoint(0, 2, 3, 0, 5.3, 6.3)},
		"exponential, moved down":  {cumulativeExponential, exponentialPoint(0, 1, 3, 0, 5.3), exponentialPoint(0, 2, 2, 0, 1.3, 1.3)},
		"exponential, other sign":  {cumulativeExponential, exponentialPoint(0, 1, 3, 0, -5.3), exponentialPoint(0, 2, 3, 0, 5.3, 5.3)},
		"exponential, out of zero": {cumulativeExponential, exponentialPoint(0, 1, 3, 0, 0, 0), exponentialPoint(0, 2, 3, 0, 0, 5.3, 5.3)},
	}
	count := func(f Form, v *Value) uint64 {
		p := f.Write(v, pmetric.NewMetric())
		if p.kind == kindHistogram {
			return p.histogram.Count()
		}
		return p.exponential.Count()
	}
	for name, c := range cases {
		var v, last Value
		c.form.AddSince(&v, &last, c.first, true)
		first := count(c.form, &v)
		if since := c.form.AddSince(&v, &last, c.later, true); since != Restarted {
			t.Errorf("%s: %d", name, since)
		}
		later := count(c.form, &last)
		if got := count(c.form, &v); got != first+later {
			t.Errorf("%s: count %d, want %d", name, got, first+later)
		}
		// Of two points of one moment that cannot follow each other the first counts.
		c.first.SetTimes(0, 2)
		if since := c.form.AddSince(&v, &last, c.first, true); since != Late || count(c.form, &v) != first+later {
			t.Errorf("%s: the same moment: %d", name, since)
		}
		c.later.SetTimes(0, 3)
		if since := c.form.AddSince(&v, &last, c.later, true); since != Continued || count(c.form, &v) != first+later {
			t.Errorf("%s: repeated later: %d", name, since)
		}
	}
}

func TestABoundBelongsToTheBucketBelow(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 15))
	for scale := int32(-11); scale <= maxScale; scale++ {
		for range 2000 {
			reach := max(1, int64(math.Ldexp(1000, int(scale))))
			i := rng.Int64N(2*reach) - reach
			v := bound(i, scale)
			if v == 0 || v == math.MaxFloat64 {
				continue
			}
			if got := bucketOf(v, scale); got != i-1 {
				t.Fatalf("scale %d: the lower bound of bucket %d is in bucket %d", scale, i, got)
			}
			if got := bucketOf(math.Nextafter(v, math.Inf(1)), scale); got != i {
				t.Fatalf("scale %d: what is just above the lower bound of bucket %d is in bucket %d", scale, i, got)
			}
		}
	}
}

func TestAMillionBucketsBecomeFew(t *testing.T) {
	p := pmetric.NewExponentialHistogramDataPoint()
	counts := make([]uint64, 1_000_000)
	for i := range counts {
		counts[i] = uint64(i % 3)
		p.SetCount(p.Count() + counts[i])
	}
	p.SetScale(maxScale)
	p.Positive().BucketCounts().FromRaw(counts)
	p.Positive().SetOffset(-500_000)
	var v, total, last Value
	point := spanning(1, 2, ExponentialPoint(p))
	if r := deltaExponential.Check(point); r != Foldable {
		t.Fatal(r)
	}
	deltaExponential.Add(&v, point)
	cumulativeExponential.AddSince(&total, &last, point, true)
	for _, v := range []*Value{&v, &total, &last} {
		w := writtenExponential(deltaExponential, v)
		if w.Count() != p.Count() || w.Positive().BucketCounts().Len() > maxScaled || cap(v.scaled.positive.counts) > 2*maxScaled {
			t.Errorf("count %d in %d buckets, room for %d", w.Count(), w.Positive().BucketCounts().Len(), cap(v.scaled.positive.counts))
		}
	}
}

func FuzzExponential(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{1}, []byte{3, 4, 5}, int32(0), int32(-2), int32(math.MaxInt32), int32(20), 0.0, 0.3)
	f.Add([]byte{1}, []byte{1}, []byte{0, 1}, int32(20), int32(-10), int32(math.MinInt32), int32(-11), 1e-320, 1e300)
	f.Add([]byte{255}, []byte{}, []byte{255}, int32(3), int32(0), int32(1), int32(3), 0.0, 0.0)
	f.Fuzz(func(t *testing.T, positive, negative, positiveB []byte, scaleA, offsetA, offsetB, scaleB int32, thresholdA, thresholdB float64) {
		of := func(at pcommon.Timestamp, positive, negative []byte, scale, offset int32, threshold float64) *Point {
			p := pmetric.NewExponentialHistogramDataPoint()
			p.SetScale(scale)
			p.SetZeroThreshold(threshold)
			p.SetZeroCount(3)
			p.Positive().SetOffset(offset)
			p.Positive().BucketCounts().FromRaw(hostile(positive, 5000))
			p.Negative().SetOffset(-offset)
			p.Negative().BucketCounts().FromRaw(hostile(negative, 5000))
			count := uint64(3)
			for _, c := range slices.Concat(hostile(positive, 5000), hostile(negative, 5000)) {
				count += c
			}
			p.SetCount(count)
			return spanning(0, at, ExponentialPoint(p))
		}
		a, b := of(1, positive, negative, scaleA, offsetA, thresholdA), of(2, positiveB, negative, scaleB, offsetB, thresholdB)
		if deltaExponential.Check(a) != Foldable || deltaExponential.Check(b) != Foldable {
			return
		}
		countA, countB := a.exponential.Count(), b.exponential.Count()
		var v, total, last, merged, other Value
		deltaExponential.Add(&v, a)
		deltaExponential.Add(&merged, b)
		deltaExponential.Add(&other, a)
		want := countA
		if deltaExponential.Add(&v, b) == Foldable {
			want += countB
		}
		wantMerged := countB
		if deltaExponential.Merge(&merged, &other) == Foldable {
			wantMerged += countA
		}
		cumulativeExponential.AddSince(&total, &last, a, true)
		wantTotal := countA
		switch cumulativeExponential.AddSince(&total, &last, b, true) {
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
		}{{deltaExponential, &v, want}, {deltaExponential, &merged, wantMerged}, {cumulativeExponential, &total, wantTotal}, {cumulativeExponential, &last, countB}} {
			p := c.form.Write(c.v, pmetric.NewMetric())
			if r := c.form.Check(p); r != Foldable || p.exponential.Count() != c.want {
				t.Fatalf("written: %q, count %d, want %d", r, p.exponential.Count(), c.want)
			}
			for _, w := range []*window{&c.v.scaled.positive, &c.v.scaled.negative} {
				if cap(w.counts) > 3*maxScaled {
					t.Fatalf("room for %d buckets", cap(w.counts))
				}
			}
			roundTrip(t, c.v)
		}
	})
}
