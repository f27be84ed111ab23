// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Sender is one connection of one program, as the collector sees it.
type Sender struct {
	conn *grpc.ClientConn
	next int
}

// NewSender connects to endpoint until the test ends.
func NewSender(t testing.TB, endpoint string) *Sender {
	t.Helper()
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Sender{conn: conn}
}

// Batch returns n log records whose bodies no other batch has.
func (s *Sender) Batch(n int) (ld plog.Logs, bodies []string) {
	ld = plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "sender")
	rl.Resource().Attributes().PutStr("service.instance.id", "1")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		s.next++
		body := fmt.Sprintf("record %06d", s.next)
		records.AppendEmpty().Body().SetStr(body)
		bodies = append(bodies, body)
	}
	return ld, bodies
}

// Log sends one record with this body and these attributes.
func (s *Sender) Log(ctx context.Context, body string, attrs map[string]string) error {
	ld, _ := s.Batch(1)
	r := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	r.Body().SetStr(body)
	for k, v := range attrs {
		r.Attributes().PutStr(k, v)
	}
	return s.Logs(ctx, ld)
}

// Logs sends a batch once.
func (s *Sender) Logs(ctx context.Context, ld plog.Logs) error {
	_, err := plogotlp.NewGRPCClient(s.conn).Export(ctx, plogotlp.NewExportRequestFromLogs(ld))
	return err
}

// Gauge sends one point of a gauge from a resource with these attributes.
func (s *Sender) Gauge(ctx context.Context, resource map[string]string, name string, value int64) error {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for k, v := range resource {
		rm.Resource().Attributes().PutStr(k, v)
	}
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(1_900_000_000_000_000_000))
	p.SetIntValue(value)
	return s.Metrics(ctx, md)
}

// Metrics sends a batch once.
func (s *Sender) Metrics(ctx context.Context, md pmetric.Metrics) error {
	_, err := pmetricotlp.NewGRPCClient(s.conn).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(md))
	return err
}

// Traces sends n traces of one span each, and returns their IDs.
func (s *Sender) Traces(ctx context.Context, n int) (ids []pcommon.TraceID, err error) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range n {
		s.next++
		id := pcommon.TraceID{0: 1, 14: byte(s.next >> 8), 15: byte(s.next)}
		span := spans.AppendEmpty()
		span.SetTraceID(id)
		span.SetSpanID(pcommon.SpanID{0: 1, 7: byte(s.next)})
		ids = append(ids, id)
	}
	_, err = ptraceotlp.NewGRPCClient(s.conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	return ids, err
}
