// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// Server receives batches and publishes them into a stream. A batch is
// acknowledged once it is in that stream.
type Server struct {
	linkpb.UnimplementedLinkServer

	out     *junction.Junction
	names   *event.Symbols
	meter   *Meter
	source  *telemetry.Source
	events  *telemetry.Counter
	bytes   *telemetry.Counter
	senders senders
	lis     net.Listener
	grpc    *grpc.Server
	run     context.Context //nolint:containedctx // bounds publications; see Serve

	received, duplicates atomic.Int64
}

// Listen opens addr. Serve must follow, or Close.
func Listen(addr string, out *junction.Junction, names *event.Symbols, meter *Meter) (*Server, error) {
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	source := meter.app.Source(out.Name(), protocol)
	source.Connected().Func(meter.connected)
	s := &Server{
		out: out, names: names, meter: meter, lis: listener{lis, meter.links},
		source: source, events: source.EventsReceived(), bytes: source.IO(),
		grpc: grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAfter / 2})),
	}
	linkpb.RegisterLinkServer(s.grpc, s)
	return s, nil
}

// Addr is the address that is listened on.
func (s *Server) Addr() string { return s.lis.Addr().String() }

// Serve answers until Stop. A batch is published under run and not under its
// request, so a request that times out cannot leave it half published: the
// repetition waits for the first attempt and is then recognised.
func (s *Server) Serve(run context.Context) error {
	s.run = run
	if err := s.grpc.Serve(s.lis); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil // stopped before it began
}

// Stop takes no new requests and waits for open ones until ctx ends.
func (s *Server) Stop(ctx context.Context) {
	stopped := context.AfterFunc(ctx, s.grpc.Stop)
	defer stopped()
	s.grpc.GracefulStop()
}

// Close releases the address of a server that never served; after Serve it does nothing.
func (s *Server) Close() error {
	if err := s.lis.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Send implements the service.
func (s *Server) Send(ctx context.Context, m *linkpb.Message) (*linkpb.Ack, error) {
	kind, size := kindOf(m), proto.Size(m)
	s.meter.received(kind, size, len(m.GetHeaders()) > 0)
	s.bytes.Add(size)
	// The context of the sender is of the batch, that of the request is not.
	traced, span := s.meter.app.Operation(propagate.ExtractMap(context.Background(), m.GetHeaders()),
		telemetry.OperationReceive, semconv.Protocol(protocol), semconv.MessageType(kind))
	defer span.End()
	ack, err := s.take(ctx, traced, m)
	if err != nil {
		s.meter.refused(err)
		s.source.Errors(status.Code(err).String()).Inc()
		span.Fail(err)
	}
	return ack, err
}

// take has a message published unless it is there already. traced is the
// context for what becomes of it.
func (s *Server) take(ctx, traced context.Context, m *linkpb.Message) (*linkpb.Ack, error) {
	start := time.Now()
	if m.GetStream() != s.out.Name() {
		return nil, status.Errorf(codes.InvalidArgument, "this node has no stream %q to receive, only %s", m.GetStream(), s.out.Name())
	}
	if err := checkColumns(m.GetColumns(), s.out.Schema()); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	from, err := s.senders.enter(ctx, m.GetSenderId())
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	defer from.leave()
	if m.GetSequence() <= from.last {
		s.duplicates.Add(1)
		return &linkpb.Ack{Sequence: m.GetSequence(), Duplicate: true}, nil
	}
	if err := s.publish(traced, m, start); err != nil {
		return nil, err
	}
	from.last = m.GetSequence()
	return &linkpb.Ack{Sequence: m.GetSequence()}, nil
}

func (s *Server) publish(traced context.Context, m *linkpb.Message, start time.Time) error {
	batch, err := decodeEvents(m.GetEvents(), s.out.Schema(), s.names)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	_, err = s.out.Publish(s.run, junction.Message{
		Ctx: traced, Batch: batch, End: m.GetEndOfInput(),
		Source: protocol, ReadStart: start, ReadEnd: time.Now(),
	})
	if err != nil {
		return status.Error(codes.Unavailable, fmt.Sprintf("publish: %v", err))
	}
	s.received.Add(int64(batch.Len()))
	s.events.Add(batch.Len())
	return nil
}

// Connected is the number of open connections.
func (s *Server) Connected() int64 { return s.meter.links.open.Load() }

// Received is the number of events taken, without duplicates.
func (s *Server) Received() int64 { return s.received.Load() }

// Duplicates is the number of repeated messages that were ignored.
func (s *Server) Duplicates() int64 { return s.duplicates.Load() }
