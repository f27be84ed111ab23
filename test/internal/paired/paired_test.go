// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package paired

import (
	"slices"
	"testing"
)

func TestMedianIsBetweenTheMiddleOnes(t *testing.T) {
	for want, values := range map[float64][]float64{2: {9, 1, 2}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := Median(values); got != want {
			t.Errorf("%v: got %v, want %v", values, got, want)
		}
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	if got := Ratios([]float64{2, 9}, []float64{1, 3}); !slices.Equal(got, []float64{2, 3}) {
		t.Error(got)
	}
}

func TestIntervalHoldsTheMedianAndIgnoresOutliers(t *testing.T) {
	values := []float64{1, 1, 1, 1, 1.1, 1.1, 1.1, 1.1, 1.1, 100}
	low, high := Interval(values)
	if low < 1 || high > 1.1 || low > Median(values) || high < Median(values) {
		t.Errorf("%v to %v", low, high)
	}
}
