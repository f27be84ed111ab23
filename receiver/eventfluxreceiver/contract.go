// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

// keepTime keeps the timestamps of an engine from going back with its clock.
func (r *eventfluxReceiver) keepTime(key engines.Identity, rm pmetric.ResourceMetrics, now time.Time, did *contract.Report) {
	if !r.policy.Expose {
		return
	}
	newest := contract.Newest(rm)
	if newest.IsZero() {
		return
	}
	if by := r.list.KeepTime(key, newest, now); by > 0 {
		contract.Shift(rm, by, did)
	}
}

// checked notes what was found in the data of one resource. It is held against
// the engine, and so are the items that are left, only if that is certain to be
// the sender.
func (r *eventfluxReceiver) checked(
	ctx context.Context, key engines.Identity, did *contract.Report, trusted bool, now time.Time, items int, all *admission,
) {
	if trusted {
		all.owe(r.list.Checked(key, did, now), items)
	}
	r.tel.checked(ctx, all.signal, did)
	all.add(did)
}
