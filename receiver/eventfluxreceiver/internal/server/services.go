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
// An error is told to the sender, see [statusOf]. Requests without a single
// item are handed over too.
type Consumers struct {
	Traces  func(context.Context, Origin, ptrace.Traces) error
	Metrics func(context.Context, Origin, pmetric.Metrics) error
	Logs    func(context.Context, Origin, plog.Logs) error
}

// The three OTLP services of one transport. Export is called by the gRPC
// server and by the HTTP routes alike.

type traces struct {
	ptraceotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, ptrace.Traces) error
	origin  func(context.Context) Origin
}

func (s *traces) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	err := s.consume(ctx, s.origin(ctx), req.Traces())
	return ptraceotlp.NewExportResponse(), statusOf(err).Err()
}

type metrics struct {
	pmetricotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, pmetric.Metrics) error
	origin  func(context.Context) Origin
}

func (s *metrics) Export(ctx context.Context, req pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	err := s.consume(ctx, s.origin(ctx), req.Metrics())
	return pmetricotlp.NewExportResponse(), statusOf(err).Err()
}

type logs struct {
	plogotlp.UnimplementedGRPCServer
	consume func(context.Context, Origin, plog.Logs) error
	origin  func(context.Context) Origin
}

func (s *logs) Export(ctx context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	err := s.consume(ctx, s.origin(ctx), req.Logs())
	return plogotlp.NewExportResponse(), statusOf(err).Err()
}
