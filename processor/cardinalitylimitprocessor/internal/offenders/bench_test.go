// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// wide is a point of ten attributes of which the last one takes a new value each time.
func wide(i int) point {
	attributes := make([]string, 0, 20)
	for k := range 9 {
		attributes = append(attributes, fmt.Sprintf("eventflux.attribute.%02d", k), "value-"+strconv.Itoa(i%(k+1)))
	}
	return pointOf("r", append(attributes, "user.id", "user-"+strconv.Itoa(i))...)
}

func wides(n int) []point {
	points := make([]point, n)
	for i := range points {
		points[i] = wide(i)
	}
	return points
}

// BenchmarkRepeat is a series that was refused a moment ago.
func BenchmarkRepeat(b *testing.B) {
	points := wides(1000)
	board := New(Options{}, start)
	for i := range 200 {
		board.refuse(caseOf("t", strconv.Itoa(i)), points[0], start)
	}
	for _, p := range points {
		board.refuse(requests, p, start)
		board.refuse(requests, p, start)
		board.refuse(requests, p, start)
	}
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			board.Again(requests, points[i].series, start)
			if i++; i == len(points) {
				i = 0
			}
		}
	})
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			board.refuse(requests, points[i], start)
			if i++; i == len(points) {
				i = 0
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				board.Again(requests, points[i%len(points)].series, start)
			}
		})
	})
}

// BenchmarkNew is a series that was not refused of late.
func BenchmarkNew(b *testing.B) {
	points := wides(1 << 16) // far more than the filter remembers
	board := New(Options{}, start)
	for _, p := range points {
		board.refuse(requests, p, start)
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		i := uint64(0)
		for b.Loop() {
			i++
			p := &points[i&0xffff]
			user := &p.pairs[9]
			p.sum -= user.Hash
			user.Hash = mix(i) // a user never seen
			p.sum += user.Hash
			board.Refused(requests, mix(p.sum), p.sum, p.pairs, start)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				p := &points[i&0xffff]
				board.Refused(requests, p.series, p.sum, p.pairs, start)
			}
		})
	})
}

func BenchmarkBlame(b *testing.B) {
	board := New(Options{}, start)
	for _, p := range wides(5000) {
		board.refuse(requests, p, start)
	}
	b.ReportAllocs()
	for b.Loop() {
		board.Blame(requests, 3000, nil)
	}
}

func BenchmarkReport(b *testing.B) {
	board := New(Options{}, start)
	points := wides(2000)
	for c := range defaultCases {
		for _, p := range points {
			board.refuse(caseOf("t", strconv.Itoa(c)), p, start)
		}
	}
	for b.Loop() {
		board.Report(start, 20, []int{100, 1000, 10_000}, nil)
	}
	b.ReportMetric(float64(board.Bytes())/defaultCases, "B/case")
}

// BenchmarkManyAttributes is an adversary's point: the cost per attribute must not grow.
func BenchmarkManyAttributes(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			attributes := make([]string, 0, 2*n)
			for i := range n {
				attributes = append(attributes, "key-"+strconv.Itoa(i), strconv.Itoa(i))
			}
			p := pointOf("r", attributes...)
			board := New(Options{}, start)
			for b.Loop() {
				p.series = mix(p.series)
				board.refuse(requests, p, start)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/attribute")
		})
	}
}

// BenchmarkHugeValue is a new value of a megabyte each time.
func BenchmarkHugeValue(b *testing.B) {
	p := point{pairs: []Pair{{Key: "body", Value: strings.Repeat("x", 1<<20)}}}
	board := New(Options{}, start)
	for b.Loop() {
		p.series++
		p.pairs[0].Hash = mix(p.series)
		board.Refused(requests, mix(p.series), p.pairs[0].Hash, p.pairs, start)
	}
}
