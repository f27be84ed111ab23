// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Transport is the way a request came in.
type Transport string

// The transports, named as the collector's own metrics name them.
const (
	GRPC Transport = "grpc"
	HTTP Transport = "http"
)

// Origin says where a request came from.
type Origin struct {
	Transport Transport
	// Peer is the address of the connection's far end, with its port: two
	// processes on one host have two.
	Peer string
	// Connection is the gRPC connection, nil over HTTP, where connections end and
	// begin at any time.
	Connection *Connection
	// SDK is true when the sender calls itself an SDK, so that no agent stands
	// between. Connections of agents say nothing of the engines behind.
	SDK bool
}

// Consumers take the decoded requests. A nil function means that no pipeline
// wants the signal: gRPC answers UNIMPLEMENTED, HTTP 404.
//
// An error is told to the sender, see [statusOf], and what was rejected where
// there is no error. Requests without a single item are handed over too.
type Consumers struct {
	Traces  func(context.Context, Origin, ptrace.Traces) (Rejected, error)
	Metrics func(context.Context, Origin, pmetric.Metrics) (Rejected, error)
	Logs    func(context.Context, Origin, plog.Logs) (Rejected, error)
}

// Rejected is what of a request went no further, although the rest did and the
// sender must not send it again. It is told as partial success.
//
// See https://opentelemetry.io/docs/specs/otlp/#partial-success.
type Rejected struct {
	Items   int64
	Message string
}

// The three OTLP services of one transport. Export is called by the gRPC
// server and by the HTTP routes alike.

type traces struct {
	ptraceotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, ptrace.Traces) (Rejected, error)
	origin  func(context.Context) Origin
}

func (s *traces) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	rejected, err := s.consume(ctx, s.origin(ctx), req.Traces())
	resp := ptraceotlp.NewExportResponse()
	if err == nil && rejected.Items > 0 {
		resp.PartialSuccess().SetRejectedSpans(rejected.Items)
		resp.PartialSuccess().SetErrorMessage(rejected.Message)
	}
	return resp, statusOf(err).Err()
}

type metrics struct {
	pmetricotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, pmetric.Metrics) (Rejected, error)
	origin  func(context.Context) Origin
}

func (s *metrics) Export(ctx context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	rejected, err := s.consume(ctx, s.origin(ctx), req.Metrics())
	resp := pmetricotlp.NewExportResponse()
	if err == nil && rejected.Items > 0 {
		resp.PartialSuccess().SetRejectedDataPoints(rejected.Items)
		resp.PartialSuccess().SetErrorMessage(rejected.Message)
	}
	return resp, statusOf(err).Err()
}

type logs struct {
	plogotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, plog.Logs) (Rejected, error)
	origin  func(context.Context) Origin
}

func (s *logs) Export(ctx context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	rejected, err := s.consume(ctx, s.origin(ctx), req.Logs())
	resp := plogotlp.NewExportResponse()
	if err == nil && rejected.Items > 0 {
		resp.PartialSuccess().SetRejectedLogRecords(rejected.Items)
		resp.PartialSuccess().SetErrorMessage(rejected.Message)
	}
	return resp, statusOf(err).Err()
}
