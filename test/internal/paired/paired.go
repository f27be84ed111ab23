// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package paired says what measurements in pairs are worth: variants that ran
// in the same round, one after the other, on a machine that others share.
package paired

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Ratios divides each value by the base of the same round.
func Ratios(values, base []float64) []float64 {
	ratios := make([]float64, len(values))
	for i := range values {
		ratios[i] = values[i] / base[i]
	}
	return ratios
}

// Median of at least one value.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Interval is a 95% bootstrap interval of the median: the noise of a shared
// machine is far from normal, and its outliers say nothing about the program.
func Interval(values []float64) (low, high float64) {
	const draws = 10_000
	medians, sample := make([]float64, draws), make([]float64, len(values))
	for i := range medians {
		for j := range sample {
			sample[j] = values[rand.IntN(len(values))]
		}
		medians[i] = Median(sample)
	}
	slices.Sort(medians)
	return medians[int(math.Floor(0.025*draws))], medians[int(math.Ceil(0.975*draws))-1]
}
