// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventflux-io/eventflux-otel/internal/datapoints"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/fairness"
)

// newFairness returns nil when there is no limit.
func newFairness(cfg *Config) *fairness.Table {
	if cfg.Fairness.ItemsPerSecond == 0 {
		return nil
	}
	burst := cfg.Fairness.Burst
	if burst == 0 {
		burst = defaultBurstSeconds * cfg.Fairness.ItemsPerSecond
	}
	return fairness.New(fairness.Limits{
		PerSecond: float64(cfg.Fairness.ItemsPerSecond), Burst: float64(burst), Max: cfg.Engines.Max,
	})
}

// fair refuses a request of engines that have used up their share, with a status
// that says when to come back. shares is asked only when there is a limit.
func (r *eventfluxReceiver) fair(ctx context.Context, shares func() []fairness.Share, now time.Time) error {
	if r.fairness == nil {
		return nil
	}
	in := shares()
	wait, ok := r.fairness.Admit(in, now)
	r.tel.shared(ctx, in, ok)
	if ok {
		return nil
	}
	st := status.New(codes.ResourceExhausted, "the engine sends more than fairness::items_per_second")
	if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}); err == nil {
		st = detailed
	}
	return st.Err()
}

// shared counts what each engine sent while there is a limit.
func (t *telemetry) shared(ctx context.Context, shares []fairness.Share, ok bool) {
	outcome := "accepted"
	if !ok {
		outcome = "refused"
	}
	for _, s := range shares {
		if s.Items == 0 {
			continue
		}
		t.builder.ReceiverEventfluxEngineItems.Add(ctx, int64(s.Items), metric.WithAttributes(
			attribute.String("engine", s.Engine.Name+"/"+s.Engine.Instance), attribute.String("outcome", outcome)))
	}
}

func payer(r pcommon.Resource) fairness.Engine {
	var e fairness.Engine
	if v, ok := r.Attributes().Get("service.name"); ok {
		e.Name = v.AsString()
	}
	if v, ok := r.Attributes().Get("service.instance.id"); ok {
		e.Instance = v.AsString()
	}
	return e
}

func metricShares(md pmetric.Metrics) []fairness.Share {
	shares := make([]fairness.Share, 0, md.ResourceMetrics().Len())
	for _, rm := range md.ResourceMetrics().All() {
		s := fairness.Share{Engine: payer(rm.Resource())}
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				s.Items += datapoints.Count(m)
			}
		}
		shares = append(shares, s)
	}
	return shares
}

func spanShares(td ptrace.Traces) []fairness.Share {
	shares := make([]fairness.Share, 0, td.ResourceSpans().Len())
	for _, rs := range td.ResourceSpans().All() {
		shares = append(shares, fairness.Share{Engine: payer(rs.Resource()), Items: countSpans(rs)})
	}
	return shares
}

func recordShares(ld plog.Logs) []fairness.Share {
	shares := make([]fairness.Share, 0, ld.ResourceLogs().Len())
	for _, rl := range ld.ResourceLogs().All() {
		shares = append(shares, fairness.Share{Engine: payer(rl.Resource()), Items: countRecords(rl)})
	}
	return shares
}
