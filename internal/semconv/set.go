// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package semconv

// MetricSet is a set of metrics of the conventions, of 1 bit each. The zero set is empty. It is a value: assigning it
// copies it, and it must not be changed concurrently.
type MetricSet [(len(metrics) + 63) / 64]uint64

// Add puts a metric into the set. The zero Metric stays outside.
func (s *MetricSet) Add(m Metric) {
	if i := m.Index(); i >= 0 {
		s[i/64] |= 1 << (i % 64)
	}
}

// Has reports whether the metric is in the set.
func (s *MetricSet) Has(m Metric) bool {
	i := m.Index()
	return i >= 0 && s[i/64]&(1<<(i%64)) != 0
}

// AddAll puts the metrics of another set into the set.
func (s *MetricSet) AddAll(other MetricSet) {
	for i := range s {
		s[i] |= other[i]
	}
}
