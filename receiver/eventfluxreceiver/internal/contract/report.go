// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "github.com/eventflux-io/eventflux-otel/internal/semconv"

// Report is what a check found in the data of one resource. The zero Report
// found nothing. Items are points, spans or log records.
type Report struct {
	// Found is how often each rule was broken, and First the first time, where
	// Found is not 0.
	Found [RuleCount]int
	First [RuleCount]Finding
	// Rejected is how many items each rule took out. An item that breaks several
	// counts under the first that rejects.
	Rejected [RuleCount]int
	// Repaired is how many items each repair changed.
	Repaired [RepairCount]int
	// Tagged and Dropped are how many points of metrics outside the conventions
	// were tagged or taken out.
	Tagged, Dropped int
	// Sent are the metrics of the conventions that were among the data.
	Sent semconv.MetricSet
}

// RejectedItems is the number of items that were taken out and that the sender
// is to be told of.
func (r *Report) RejectedItems() int {
	var n int
	for _, items := range r.Rejected {
		n += items
	}
	return n
}

// Reason says why the first items were taken out, empty where none were.
func (r *Report) Reason() string {
	for i, items := range r.Rejected {
		if items > 0 {
			return r.First[i].String()
		}
	}
	return ""
}

// found counts a breach and reports whether it is the first of its rule.
func (r *Report) found(rule Rule) (first bool) {
	r.Found[rule]++
	return r.Found[rule] == 1
}
