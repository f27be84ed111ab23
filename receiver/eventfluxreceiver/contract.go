// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// refusals add up what was taken out of the resources of one request.
type refusals struct {
	items  int
	reason string
}

func (s *refusals) add(did *contract.Report) {
	n := did.RejectedItems()
	if n > 0 && s.items == 0 {
		s.reason = did.Reason()
	}
	s.items += n
}

// answer is what the sender is told. Items are what the signal consists of.
func (s *refusals) answer(items string) server.Rejected {
	if s.items == 0 {
		return server.Rejected{}
	}
	return server.Rejected{
		Items:   int64(s.items),
		Message: fmt.Sprintf("%s rejected because they break the conventions: %d; the first: %s", items, s.items, s.reason),
	}
}

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
// the engine only if that is certain to be the sender.
func (r *eventfluxReceiver) checked(
	ctx context.Context, key engines.Identity, did *contract.Report, trusted bool, now time.Time, all *refusals,
) {
	if trusted {
		r.list.Checked(key, did, now)
	}
	r.tel.checked(ctx, did)
	all.add(did)
}
