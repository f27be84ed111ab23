// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

const (
	maxConnections = 256  // open at once; more wait to be accepted
	maxSenders     = 1024 // remembered, the latest; only a forgotten one that repeats rows would have them count twice
)

// Take gets the rows of sender up to its row seq, without those that were taken before, or an end of input behind that
// row. It returns once they are safe. A sender repeats what failed, unless the error is a sink.Permanent one.
type Take func(ctx context.Context, m junction.Message, sender string, seq uint64) (duplicate bool, err error)

// Server receives the batches of any number of streams, and heartbeats.
type Server struct {
	linkpb.UnimplementedLinkServer

	// Received counts the events taken, without duplicates; Duplicates the messages without anything new.
	Received, Duplicates atomic.Int64
	// Beats answers the heartbeats of other nodes, which learn why it fails. Set it before Serve.
	Beats func(node string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error)

	meter     *meter
	streams   map[string]*inlet
	lis       net.Listener
	run       context.Context //nolint:containedctx // bounds what Take does; see Serve
	transport interface {
		Serve(lis net.Listener) error
		GracefulStop()
		Stop()
	}
}

// Listen opens addr; app may be nil. Accept may follow, then Serve or Stop.
func Listen(addr, protocol string, app *telemetry.App) (*Server, error) {
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{meter: newMeter(app, protocol, semconv.DirectionIn), streams: make(map[string]*inlet)}
	s.lis = listener{netutil.LimitListener(lis, maxConnections), s.meter}
	if protocol == TCP {
		s.transport = newFrameServer(s, s.meter)
		return s, nil
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAfter / 2}))
	linkpb.RegisterLinkServer(server, s)
	s.transport = server
	return s, nil
}

// Accept has the rows of stream given to take. Call it before Serve.
func (s *Server) Accept(stream string, schema *event.Schema, names *event.Symbols, take Take) {
	source := s.meter.app.Source(stream, s.meter.protocol)
	source.Connected().Func(func() float64 { return float64(min(s.meter.open.Load(), 1)) })
	senders, _ := lru.New[string, *sender](maxSenders) // fails for a size below one only
	s.streams[stream] = &inlet{schema: schema, names: names, take: take, senders: senders, source: source}
}

// Know tells that the rows of sender up to seq are safe already, as a checkpoint says. Call it before Serve.
func (s *Server) Know(stream, sender string, seq uint64) { s.streams[stream].sender(sender).last = seq }

// Addr is the address that is listened on.
func (s *Server) Addr() string { return s.lis.Addr().String() }

// Serve answers until Stop. Rows are taken under run and not under their request, so a request that times out cannot
// leave them half published: the repetition waits for the first attempt and is then recognised.
func (s *Server) Serve(run context.Context) error {
	s.run = run
	err := s.transport.Serve(s.lis)
	if errors.Is(err, grpc.ErrServerStopped) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Connected is the number of open connections.
func (s *Server) Connected() int64 { return s.meter.open.Load() }

// Stop takes no new requests and waits for open ones until ctx ends. A server that never served closes its address.
func (s *Server) Stop(ctx context.Context) {
	defer context.AfterFunc(ctx, s.transport.Stop)()
	s.transport.GracefulStop()
	_ = s.lis.Close()
}

// Send answers one message, of either transport. The context of its sender is of the batch, ctx is not.
func (s *Server) Send(ctx context.Context, m *linkpb.Message) (ack *linkpb.Ack, err error) {
	traced, span := s.meter.app.Operation(s.meter.received(m), telemetry.OperationReceive,
		semconv.Protocol(s.meter.protocol), semconv.MessageType(kinds[m.GetKind()]))
	defer span.End()
	if m.GetKind() == linkpb.Kind_KIND_HEARTBEAT {
		ack, err = s.beat(m)
	} else {
		ack, err = s.rows(ctx, traced, m)
	}
	if err != nil {
		s.meter.refused(err)
		span.Fail(err)
	}
	return ack, err
}

func (s *Server) beat(m *linkpb.Message) (*linkpb.Ack, error) {
	if s.Beats == nil {
		return nil, status.Error(codes.Unimplemented, "this node is in no cluster")
	}
	answer, err := s.Beats(m.GetSenderId(), m.GetHeartbeat())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &linkpb.Ack{Heartbeat: answer}, nil
}

func (s *Server) rows(ctx, traced context.Context, m *linkpb.Message) (*linkpb.Ack, error) {
	in := s.streams[m.GetStream()]
	if in == nil {
		return nil, status.Errorf(codes.InvalidArgument, "this node has no stream %q to receive, only %s",
			m.GetStream(), slices.Sorted(maps.Keys(s.streams)))
	}
	in.source.IO().Add(proto.Size(m))
	duplicate, err := in.receive(ctx, traced, s, m)
	if err != nil {
		in.source.Errors(status.Code(err).String()).Inc()
		return nil, err
	}
	if duplicate {
		s.Duplicates.Add(1)
	}
	return &linkpb.Ack{Sequence: m.GetSequence(), Duplicate: duplicate}, nil
}

// inlet is one stream that is received.
type inlet struct {
	schema  *event.Schema
	names   *event.Symbols
	take    Take
	senders *lru.Cache[string, *sender]
	source  *telemetry.Source
}

// sender is how far a sender has come.
type sender struct {
	turn  chan struct{} // holds one token: one message of a sender at a time
	last  uint64        // row taken last; owned by whoever has the token, as is ended
	ended bool          // the input ended behind that row
}

func (in *inlet) sender(id string) *sender {
	one := &sender{turn: make(chan struct{}, 1)}
	if known, ok, _ := in.senders.PeekOrAdd(id, one); ok {
		in.senders.Get(id) // it spoke last
		return known
	}
	return one
}

// receive has what is new in a message taken by s. traced is the context for what becomes of it.
func (in *inlet) receive(ctx, traced context.Context, s *Server, m *linkpb.Message) (duplicate bool, err error) {
	out := junction.Message{Ctx: traced, End: m.GetEndOfInput(), Source: s.meter.protocol, ReadStart: time.Now()}
	if !out.End { // else there are no rows
		if out.Batch, err = wire.Decode(m.GetPayload(), in.schema, in.names); err != nil {
			return false, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	from := in.sender(m.GetSenderId())
	select {
	case from.turn <- struct{}{}:
		defer func() { <-from.turn }()
	case <-ctx.Done():
		return false, status.FromContextError(ctx.Err()).Err()
	}
	if out.Batch, duplicate = from.fresh(out.Batch, m.GetSequence(), out.End); duplicate {
		return true, nil
	}
	out.ReadEnd = time.Now()
	duplicate, err = in.take(s.run, out, m.GetSenderId(), m.GetSequence())
	switch {
	case sink.IsPermanent(err):
		return false, status.Error(codes.FailedPrecondition, err.Error())
	case err != nil:
		return false, status.Error(codes.Unavailable, fmt.Sprintf("publish: %v", err))
	case !duplicate:
		s.Received.Add(int64(out.Batch.Len()))
		in.source.EventsReceived().Add(out.Batch.Len())
	}
	from.last, from.ended = m.GetSequence(), out.End
	return duplicate, nil
}

// fresh returns the rows of b, which end with row seq, that are new, and whether nothing is new. An end of input is
// known if rows behind it are, or the end itself. Rows may be missing in between if this side forgot them.
func (s *sender) fresh(b *event.Batch, seq uint64, end bool) (rows *event.Batch, known bool) {
	if end || seq <= s.last {
		return nil, seq < s.last || seq == s.last && (s.ended || !end)
	}
	old := b.Len() - int(min(seq-s.last, uint64(b.Len())))
	if old == 0 {
		return b, false
	}
	rows = event.NewBatch(b.Schema, b.Len()-old)
	for i := old; i < b.Len(); i++ {
		rows.AppendRow(b.Row(i))
	}
	return rows, false
}
