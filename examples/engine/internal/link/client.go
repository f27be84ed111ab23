// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"crypto/rand"
	"fmt"
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
)

// Client sends the batches of one stream to another node, one at a time, each
// until it is acknowledged. It is a sink.Sink.
type Client struct {
	peer    string
	host    string // of peer
	stream  string
	columns []*linkpb.Column
	names   *event.Symbols
	conn    *grpc.ClientConn
	rpc     linkpb.LinkClient
	meter   *Meter
	sender  string
	last    uint64          // sequence given out last
	pending *linkpb.Message // not yet acknowledged
	end     *linkpb.Message // end of input, not yet acknowledged
}

const (
	attemptTimeout = 10 * time.Second
	pingAfter      = 20 * time.Second
	pingTimeout    = 5 * time.Second
)

// NewClient prepares a client; it connects with the first Send.
func NewClient(peer string, s *event.Schema, names *event.Symbols, meter *Meter) (*Client, error) {
	conn, err := grpc.NewClient("passthrough:///"+peer,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialer(meter.links)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: pingTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare link to %q: %w", peer, err)
	}
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		host = peer
	}
	return &Client{
		peer: peer, host: host, stream: s.Stream, columns: encodeColumns(s), names: names,
		conn: conn, rpc: linkpb.NewLinkClient(conn), sender: rand.Text(), meter: meter,
	}, nil
}

// Type implements sink.Sink.
func (c *Client) Type() string { return "grpc" }

// Target implements sink.Sink.
func (c *Client) Target() string { return "node at " + c.peer }

// Advice implements sink.Sink.
func (c *Client) Advice() string { return "start that node or correct --peer" }

// Format implements sink.Sink.
func (c *Client) Format(b *event.Batch) error {
	c.pending = c.message()
	c.pending.Events = encodeEvents(b, c.names)
	return nil
}

func (c *Client) message() *linkpb.Message {
	c.last++
	return &linkpb.Message{SenderId: c.sender, Sequence: c.last, Stream: c.stream, Columns: c.columns}
}

// Send implements sink.Sink.
func (c *Client) Send(ctx context.Context) (bytes int, err error) {
	if bytes, err = c.send(ctx, c.pending); err != nil {
		return 0, err
	}
	c.pending = nil
	return bytes, nil
}

// Finish implements sink.Sink: the receiver closes its windows, too.
func (c *Client) Finish(ctx context.Context) error {
	if c.end == nil {
		c.end = c.message()
		c.end.EndOfInput = true
	}
	if _, err := c.send(ctx, c.end); err != nil {
		return err
	}
	c.end = nil
	return nil
}

// send is one attempt. Each has a span of its own if the batch is traced, and
// the headers say which, so that what the receiver does hangs below the attempt
// that reached it.
func (c *Client) send(ctx context.Context, m *linkpb.Message) (bytes int, err error) {
	kind := kindOf(m)
	ctx, span := c.meter.app.Operation(ctx, telemetry.OperationSend,
		semconv.Protocol(protocol), semconv.MessageType(kind), semconv.ServerAddress(c.host))
	defer span.End()
	m.Headers = make(map[string]string, 2)
	propagate.InjectMap(ctx, m.Headers)
	c.meter.sending(kind, len(m.GetHeaders()) > 0)
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	start := time.Now()
	_, err = c.rpc.Send(ctx, m)
	bytes = proto.Size(m)
	c.meter.sent(bytes, time.Since(start), err)
	span.Fail(err)
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition:
		return 0, sink.Permanent(fmt.Errorf("the peer refuses the message: %s", status.Convert(err).Message()))
	default:
		return bytes, err
	}
}

// Close implements sink.Sink.
func (c *Client) Close() error { return c.conn.Close() }
