// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package link joins nodes: a Client is a sink, a Server a source, and nodes send each other heartbeats. Neither end
// depends on the transport, gRPC or frames over TCP. Delivery is at least once on the wire; the receiver drops the rows
// that it already has.
package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/wire"
)

// The transports.
const (
	GRPC = "grpc"
	TCP  = "tcp"
)

const (
	attemptTimeout, pingAfter, pingTimeout = 10 * time.Second, 20 * time.Second, 5 * time.Second
	maxPayload, maxMessage                 = 16 << 20, 16<<20 + 1<<17 // bytes: of rows, and with what stands around them
)

// Peer is another node as this one reaches it. Any number of goroutines may use it.
type Peer struct {
	io.Closer  // ends the connections
	addr, host string
	rpc        linkpb.LinkClient // either transport carries its calls
	meter      *meter
}

// Dial prepares the way to the node at addr over GRPC or TCP; it connects when there is something to send. app may be
// nil.
func Dial(protocol, addr string, app *telemetry.App) (*Peer, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("could not link to %q, which is no host:port: %w", addr, err)
	}
	m := newMeter(app, protocol, semconv.DirectionOut)
	var carrier interface {
		grpc.ClientConnInterface
		io.Closer
	} = newPool(addr, m)
	if protocol != TCP {
		retry := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second}
		carrier, err = grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return m.dial(ctx, addr, nil) }),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: pingTimeout}),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}))
	}
	return &Peer{Closer: carrier, addr: addr, host: host, rpc: linkpb.NewLinkClient(carrier), meter: m}, err
}

// Beat sends a heartbeat in the name of node and returns the answer.
func (p *Peer) Beat(ctx context.Context, node string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error) {
	ack, _, err := p.send(ctx, &linkpb.Message{Kind: linkpb.Kind_KIND_HEARTBEAT, SenderId: node, Heartbeat: h})
	return ack.GetHeartbeat(), err
}

// send is one attempt. Each has a span of its own if the batch is traced, and the message says which, so that what the
// receiver does hangs below the attempt that reached it.
func (p *Peer) send(ctx context.Context, m *linkpb.Message) (ack *linkpb.Ack, bytes int, err error) {
	ctx, span := p.meter.app.Operation(ctx, telemetry.OperationSend,
		semconv.Protocol(p.meter.protocol), semconv.MessageType(kinds[m.GetKind()]), semconv.ServerAddress(p.host))
	defer span.End()
	m.Headers = make(map[string]string, 3)
	propagate.InjectMap(ctx, m.Headers)
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	start := time.Now()
	ack, err = p.rpc.Send(ctx, m)
	bytes = proto.Size(m)
	p.meter.sent(m, bytes, time.Since(start), err)
	span.Fail(err)
	switch code, text := status.Code(err), status.Convert(err).Message(); code {
	case codes.OK:
		return ack, bytes, nil
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition:
		return nil, 0, sink.Permanent(fmt.Errorf("the peer refuses the message: %s", text))
	default:
		return nil, 0, fmt.Errorf("could not reach the peer (%s): %s", code, text)
	}
}

// Client sends the batches of one stream to another node, one at a time, each until it is acknowledged. It is a
// sink.Positioned, belongs to one goroutine and leaves the peer open.
type Client struct {
	peer    *Peer
	schema  *event.Schema
	names   *event.Symbols
	sender  string
	rows    uint64          // given out so far
	pending *linkpb.Message // not yet acknowledged
}

// Client returns the sink for rows of schema s. The sender is a name that no other client of this stream has.
func (p *Peer) Client(sender string, s *event.Schema, names *event.Symbols) *Client {
	return &Client{peer: p, schema: s, names: names, sender: sender}
}

// Type implements sink.Sink.
func (c *Client) Type() string { return c.peer.meter.protocol }

// Target implements sink.Sink.
func (c *Client) Target() string { return "node at " + c.peer.addr }

// Advice implements sink.Sink.
func (c *Client) Advice() string { return "start that node or correct --peers" }

// Position implements sink.Positioned: it is the number of rows sent so far.
func (c *Client) Position() (int64, error) { return int64(c.rows), nil }

// Recover implements sink.Positioned. Of what follows, the receiver drops the rows that it has from the same sender,
// even if the batches are cut differently.
func (c *Client) Recover(position int64) error {
	c.rows = uint64(position)
	return nil
}

// Format implements sink.Sink.
func (c *Client) Format(b *event.Batch) error {
	payload := wire.Encode(nil, b, c.names)
	if len(payload) > maxPayload {
		return fmt.Errorf("%d rows take %d bytes, a message has at most %d: make the batches smaller", b.Len(), len(payload), maxPayload)
	}
	c.rows += uint64(b.Len())
	c.hold(&linkpb.Message{Kind: linkpb.Kind_KIND_EVENT, Payload: payload})
	return nil
}

// hold makes m the message to send.
func (c *Client) hold(m *linkpb.Message) {
	if c.pending != nil {
		c.peer.meter.waiting.Add(-1)
	}
	if c.pending = m; m != nil {
		m.SenderId, m.Sequence, m.Stream = c.sender, c.rows, c.schema.Stream
		c.peer.meter.waiting.Add(1)
	}
}

// Send implements sink.Sink.
func (c *Client) Send(ctx context.Context) (bytes int, err error) {
	if c.pending != nil {
		if _, bytes, err = c.peer.send(ctx, c.pending); err == nil {
			c.hold(nil)
		}
	}
	return bytes, err
}

// Finish implements sink.Sink: the receiver closes its windows, too.
func (c *Client) Finish(ctx context.Context) error {
	if !c.pending.GetEndOfInput() {
		c.hold(&linkpb.Message{Kind: linkpb.Kind_KIND_CONTROL, EndOfInput: true})
	}
	_, err := c.Send(ctx)
	return err
}

// Close implements sink.Sink.
func (c *Client) Close() error { return nil }
