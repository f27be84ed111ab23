// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package trend

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func TestBeforeTheFirstSampleThereIsOnlyTheDefault(t *testing.T) {
	var l Line
	assert.Equal(t, Averages{1, 1, 1}, l.Averages(1))
	l.Add(math.NaN(), t0)
	l.Add(math.Inf(1), t0)
	assert.Equal(t, Averages{}, l.Averages(0), "what is not a number is no sample")
}

func TestTheFirstSampleIsTakenAsItIs(t *testing.T) {
	var l Line
	l.Add(7, t0)
	assert.Equal(t, Averages{7, 7, 7}, l.Averages(0))
}

func TestAStepIsFollowedToTheSameShareOfEachWindow(t *testing.T) {
	for i, window := range Windows {
		var l Line
		l.Add(0, t0)
		l.Add(100, t0.Add(window))
		assert.InDelta(t, 63.212, l.Averages(0)[i], 0.001, "1 - 1/e of the step after %s", window)
	}
}

func TestIrregularSamplesGiveWhatTheIntegralGives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var l Line
	l.Add(0, t0)
	// The reference holds each value for as long as it stands and weighs it by its age at the end.
	type piece struct{ from, to, value float64 }
	var pieces []piece
	at := 0.0
	for range 500 {
		dt := time.Duration(1 + rng.Int64N(int64(30*time.Second)))
		p := piece{from: at, to: at + dt.Seconds(), value: 1000 * rng.Float64()}
		pieces, at = append(pieces, p), p.to
		l.Add(p.value, t0.Add(time.Duration(math.Round(at*1e9))))
	}
	for i, window := range Windows {
		want := 0.0
		for _, p := range pieces {
			want += p.value * (math.Exp((p.to-at)/window.Seconds()) - math.Exp((p.from-at)/window.Seconds()))
		}
		assert.InDelta(t, want, l.Averages(0)[i], 1e-5, "over %s", window)
	}
}

func TestHowOftenAConstantIsSampledMakesNoDifference(t *testing.T) {
	var often, seldom Line
	often.Add(10, t0)
	seldom.Add(10, t0)
	for i := range 120 {
		often.Add(50, t0.Add(time.Duration(i+1)*time.Second))
	}
	seldom.Add(50, t0.Add(2*time.Minute))
	want := seldom.Averages(0)
	for i, got := range often.Averages(0) {
		assert.InDelta(t, want[i], got, 1e-9)
	}
}

func TestAClockThatStandsOrStepsBackMovesNothing(t *testing.T) {
	var l Line
	l.Add(1, t0)
	l.Add(100, t0)
	l.Add(100, t0.Add(-time.Hour))
	assert.Equal(t, Averages{1, 1, 1}, l.Averages(0))
}

func TestAveragesStayBetweenTheSamples(t *testing.T) {
	for range 100 {
		var l Line
		low, high := math.Inf(1), math.Inf(-1)
		now := t0
		for range 50 {
			v := rand.NormFloat64()
			low, high = min(low, v), max(high, v)
			now = now.Add(time.Duration(rand.Int64N(int64(time.Hour))))
			l.Add(v, now)
			for _, a := range l.Averages(0) {
				assert.True(t, a >= low-1e-12 && a <= high+1e-12, "%v is outside of [%v, %v]", a, low, high)
			}
		}
	}
}
