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
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

// Take gets the rows of sender up to its row seq, without those that were taken before, or an end of input behind that
// row. It returns once they are safe. A sender repeats what failed, unless the error is a sink.Permanent one.
type Take func(ctx context.Context, m junction.Message, sender string, seq uint64) (duplicate bool, err error)

// Server receives the batches of any number of streams, and heartbeats.
type Server struct {
	meter     *meter
	streams   map[string]*inlet
	beats     func(node string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error)
	lis       net.Listener
	transport interface {
		serve(lis net.Listener) error
		stop(ctx context.Context)
	}
	// handle answers one message. Binary is the span context if it came with a frame.
	handle func(ctx context.Context, m *linkpb.Message, binary []byte, size int) (*linkpb.Ack, error)
	run    context.Context //nolint:containedctx // bounds what Take does; see Serve

	received, duplicates atomic.Int64
}

// Listen opens addr; app may be nil. Accept and Heartbeats may follow, then Serve or Close.
func Listen(addr, protocol string, app *telemetry.App) (*Server, error) {
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{meter: newMeter(app, protocol, semconv.DirectionIn), streams: make(map[string]*inlet)}
	s.lis, s.handle = listener{lis, s.meter}, s.receive
	if s.transport = newFrameServer(s); protocol == GRPC {
		s.transport = newGRPCServer(s)
	}
	return s, nil
}

// Accept has the rows of stream given to take.
func (s *Server) Accept(stream string, schema *event.Schema, names *event.Symbols, take Take) {
	source := s.meter.app.Source(stream, s.meter.protocol)
	source.Connected().Func(func() float64 { return float64(min(s.meter.open.Load(), 1)) })
	senders, _ := lru.New[string, *sender](maxSenders) // fails for a negative size only
	s.streams[stream] = &inlet{
		server: s, schema: schema, names: names, take: take, senders: senders,
		source: source, events: source.EventsReceived(), bytes: source.IO(),
	}
}

// Know tells that the rows of sender up to seq are safe already, as a checkpoint says.
func (s *Server) Know(stream, sender string, seq uint64) { s.streams[stream].sender(sender).last = seq }

// Heartbeats has the heartbeats of other nodes answered by f; they learn why it fails.
func (s *Server) Heartbeats(f func(node string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error)) {
	s.beats = f
}

// Addr is the address that is listened on.
func (s *Server) Addr() string { return s.lis.Addr().String() }

// Serve answers until Stop. Rows are taken under run and not under their request, so a request that times out cannot
// leave them half published: the repetition waits for the first attempt and is then recognised.
func (s *Server) Serve(run context.Context) error {
	s.run = run
	return s.transport.serve(s.lis)
}

// Stop takes no new requests and waits for open ones until ctx ends.
func (s *Server) Stop(ctx context.Context) { s.transport.stop(ctx) }

// Close releases the address of a server that never served; after Serve it does nothing.
func (s *Server) Close() error {
	if err := s.lis.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Connected is the number of open connections.
func (s *Server) Connected() int64 { return s.meter.open.Load() }

// Received is the number of events taken, without duplicates.
func (s *Server) Received() int64 { return s.received.Load() }

// Duplicates is the number of repeated messages that were ignored.
func (s *Server) Duplicates() int64 { return s.duplicates.Load() }

func (s *Server) receive(ctx context.Context, m *linkpb.Message, binary []byte, size int) (*linkpb.Ack, error) {
	// The context of the sender is of the batch, that of the request is not.
	traced, span := s.meter.app.Operation(s.meter.received(m, binary, size), telemetry.OperationReceive,
		semconv.Protocol(s.meter.protocol), semconv.MessageType(kinds[m.GetKind()]))
	defer span.End()
	ack, err := s.dispatch(ctx, traced, m, size)
	if err != nil {
		s.meter.refused(err)
		span.Fail(err)
	}
	return ack, err
}

func (s *Server) dispatch(ctx, traced context.Context, m *linkpb.Message, size int) (*linkpb.Ack, error) {
	in := s.streams[m.GetStream()]
	switch {
	case m.GetKind() == linkpb.Kind_KIND_HEARTBEAT && s.beats != nil:
		answer, err := s.beats(m.GetSenderId(), m.GetHeartbeat())
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		return &linkpb.Ack{Heartbeat: answer}, nil
	case kinds[m.GetKind()] == "" || m.GetKind() == linkpb.Kind_KIND_HEARTBEAT:
		return nil, status.Errorf(codes.Unimplemented, "this node expects no message of %s", m.GetKind())
	case in == nil:
		return nil, status.Errorf(codes.InvalidArgument, "this node has no stream %q to receive, only %s",
			m.GetStream(), strings.Join(slices.Sorted(maps.Keys(s.streams)), ", "))
	}
	in.bytes.Add(size)
	duplicate, err := in.receive(ctx, traced, m)
	if err != nil {
		in.source.Errors(status.Code(err).String()).Inc()
		return nil, err
	}
	if duplicate {
		s.duplicates.Add(1)
	}
	return &linkpb.Ack{Sequence: m.GetSequence(), Duplicate: duplicate}, nil
}

// inlet is one stream that is received.
type inlet struct {
	server        *Server
	schema        *event.Schema
	names         *event.Symbols
	take          Take
	senders       *lru.Cache[string, *sender]
	source        *telemetry.Source
	events, bytes *telemetry.Counter
}

// maxSenders bounds the memory. The sender that was silent longest is forgotten; only if it then repeats rows would
// those count twice.
const maxSenders = 1024

// sender is how far a sender has come.
type sender struct {
	turn  chan struct{} // holds one token: one message of a sender at a time
	last  uint64        // row taken last; owned by whoever has the token, as is ended
	ended bool          // the input ended behind that row
}

func (in *inlet) sender(id string) *sender {
	if known, ok := in.senders.Get(id); ok {
		return known
	}
	one := &sender{turn: make(chan struct{}, 1)}
	if known, ok, _ := in.senders.PeekOrAdd(id, one); ok {
		return known
	}
	return one
}

// receive has a message taken unless it was before. traced is the context for what becomes of it.
func (in *inlet) receive(ctx, traced context.Context, m *linkpb.Message) (duplicate bool, err error) {
	start := time.Now()
	batch, err := in.decode(m)
	if err != nil {
		return false, status.Error(codes.InvalidArgument, err.Error())
	}
	from := in.sender(m.GetSenderId())
	select {
	case from.turn <- struct{}{}:
		defer func() { <-from.turn }()
	case <-ctx.Done():
		return false, status.FromContextError(ctx.Err()).Err()
	}
	batch, known := from.fresh(batch, m.GetSequence(), m.GetEndOfInput())
	if known {
		return true, nil
	}
	duplicate, err = in.take(in.server.run, junction.Message{
		Ctx: traced, Batch: batch, End: m.GetEndOfInput(),
		Source: in.server.meter.protocol, ReadStart: start, ReadEnd: time.Now(),
	}, m.GetSenderId(), m.GetSequence())
	switch {
	case sink.IsPermanent(err):
		return false, status.Error(codes.FailedPrecondition, err.Error())
	case err != nil:
		return false, status.Error(codes.Unavailable, fmt.Sprintf("publish: %v", err))
	case !duplicate:
		in.server.received.Add(int64(batch.Len()))
		in.events.Add(batch.Len())
	}
	from.last, from.ended = m.GetSequence(), m.GetEndOfInput()
	return duplicate, nil
}

// decode reads the rows of m, and checks that they make sense. The end of the input has none.
func (in *inlet) decode(m *linkpb.Message) (*event.Batch, error) {
	if m.GetEndOfInput() {
		return nil, nil
	}
	b, err := wire.Decode(m.GetPayload(), in.schema, in.names)
	if err == nil && uint64(b.Len()) > m.GetSequence() {
		err = fmt.Errorf("%d rows cannot end with row %d", b.Len(), m.GetSequence())
	}
	return b, err
}

// fresh returns the rows of b, which end with row seq, that are new, and whether nothing is new. An end of input is
// known if rows behind it are, or the end itself. Rows may be missing in between if this side forgot them.
func (s *sender) fresh(b *event.Batch, seq uint64, end bool) (rows *event.Batch, known bool) {
	if end || seq <= s.last {
		return nil, seq < s.last || seq == s.last && (s.ended || !end)
	}
	first := seq - uint64(b.Len())
	if first >= s.last {
		return b, false
	}
	rows = event.NewBatch(b.Schema, int(seq-s.last))
	for i := int(s.last - first); i < b.Len(); i++ {
		rows.AppendRow(b.Row(i))
	}
	return rows, false
}
