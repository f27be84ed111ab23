// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

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

// checkMetrics holds the metrics of one resource against the contract, and
// repairs and takes out what the configuration says.
func (r *eventfluxReceiver) checkMetrics(
	ctx context.Context, key engines.Identity, rm pmetric.ResourceMetrics, now time.Time, all *refusals,
) {
	var did contract.Report
	r.policy.CheckMetrics(rm, r.list.Has(key), &did)
	r.checked(ctx, key, &did, now, all)
}

func (r *eventfluxReceiver) checkSpans(
	ctx context.Context, key engines.Identity, rs ptrace.ResourceSpans, now time.Time, all *refusals,
) {
	var did contract.Report
	r.policy.CheckSpans(rs, &did)
	r.checked(ctx, key, &did, now, all)
}

func (r *eventfluxReceiver) checkRecords(
	ctx context.Context, key engines.Identity, rl plog.ResourceLogs, now time.Time, all *refusals,
) {
	var did contract.Report
	r.policy.CheckRecords(rl, &did)
	r.checked(ctx, key, &did, now, all)
}

func (r *eventfluxReceiver) checked(
	ctx context.Context, key engines.Identity, did *contract.Report, now time.Time, all *refusals,
) {
	r.list.Checked(key, did, now)
	r.tel.checked(ctx, did)
	all.add(did)
}
