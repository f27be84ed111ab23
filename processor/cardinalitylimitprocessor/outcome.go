// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
)

// outcome is what became of a point.
type outcome uint8

const (
	passed          outcome = iota // its series has a place
	exempt                         // no limit holds for its metric
	observed                       // it passed although its series has no place
	foldedAttribute                // it is in an overflow series that lost one attribute
	folded                         // it is in an overflow series with the protected attributes alone
	dropped                        // it is lost
	outcomes
)

var outcomeNames = [outcomes]string{"passed", "exempt", "observed", "folded_attribute", "folded", "dropped"}

// reason is why a point did not simply pass.
type reason uint8

const (
	noReason reason = iota

	// why its series has no place
	metricFull
	tenantFull
	tableFull
	attributeFull
	metricLimit
	attributeLimit // of values of records alone

	// why it could not be folded, and is lost
	unspecifiedTemporality
	noRecordedValue
	invalidValue
	overflowLimit
	untracked
	baseline
	countOverflow
	outOfOrder
	shutdown
	reasons
)

var reasonNames = [reasons]string{
	"", "metric_full", "tenant_full", "table_full", "attribute_full", "metric_limit", "attribute_limit",
	"unspecified_temporality", "no_recorded_value", "invalid_value", "overflow_limit", "untracked", "baseline",
	"count_overflow", "out_of_order", "shutdown",
}

// ofVerdict returns why a series that was refused has no place.
func ofVerdict(v budget.Verdict) reason {
	switch v {
	case budget.MetricFull:
		return metricFull
	case budget.TenantFull, budget.TenantLimit:
		return tenantFull
	case budget.TableFull:
		return tableFull
	default:
		return metricLimit
	}
}

// ofForm returns what keeps the points of a metric from being folded at all.
func ofForm(r fold.Reason) reason {
	switch r {
	case fold.Foldable:
		return noReason
	case fold.UnspecifiedTemporality:
		return unspecifiedTemporality
	default:
		return invalidValue
	}
}

// ofLedger returns why a point was not folded.
func ofLedger(r ledger.Reason) reason {
	switch r {
	case ledger.Folded:
		return noReason
	case ledger.OverflowLimit:
		return overflowLimit
	case ledger.Untracked:
		return untracked
	case ledger.Baseline:
		return baseline
	case ledger.CountOverflow:
		return countOverflow
	case ledger.OutOfOrder:
		return outOfOrder
	default:
		return invalidValue
	}
}

// tally counts what became of the points of one batch.
type tally [outcomes][reasons]int

func (t *tally) points() int {
	n := 0
	for o := range t {
		for _, k := range t[o] {
			n += k
		}
	}
	return n
}
