// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"math"
	"time"
)

// Limits bound a Table.
type Limits struct {
	Series          int // over all tenants
	SeriesPerTenant int // zero: a tenant has no limit of its own
	SeriesPerMetric int // of one tenant, unless Owner.Limit says otherwise
	Tenants         int // that have series at a time; zero: no limit
	Metrics         int // distinct fingerprints, over all tenants, that have series at a time

	// Lend is the share of Series, from 0 to 1, up to which a tenant over SeriesPerTenant
	// may go on: while the table is less full than that. The rest is kept for tenants
	// that are within their limit. Series that were lent are not taken back.
	Lend float64

	// TTL is how long a series keeps its place without being seen.
	TTL time.Duration
}

// bounds are Limits as the counters need them.
type bounds struct {
	series, perTenant, perMetric, lend, tenants, metrics uint32
}

func boundsOf(l Limits) bounds {
	return bounds{
		series:    bound(l.Series),
		perTenant: boundOrNone(l.SeriesPerTenant),
		perMetric: bound(l.SeriesPerMetric),
		lend:      uint32(min(max(l.Lend, 0), 1) * float64(bound(l.Series))),
		tenants:   boundOrNone(l.Tenants),
		metrics:   bound(l.Metrics),
	}
}

const noBound = math.MaxUint32

func bound(n int) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

func boundOrNone(n int) uint32 {
	if n == 0 {
		return noBound
	}
	return bound(n)
}
