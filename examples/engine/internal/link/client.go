// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// Client sends the batches of one stream to another node, one at a time, each
// until it is acknowledged. It is a sink.Sink.
type Client struct {
	peer    string
	stream  string
	columns []*linkpb.Column
	names   *event.Symbols
	conn    *grpc.ClientConn
	rpc     linkpb.LinkClient
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
func NewClient(peer string, s *event.Schema, names *event.Symbols, counts *telemetry.Connections) (*Client, error) {
	conn, err := grpc.NewClient("passthrough:///"+peer,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialer(counts)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: pingTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare link to %q: %w", peer, err)
	}
	return &Client{
		peer: peer, stream: s.Stream, columns: encodeColumns(s), names: names,
		conn: conn, rpc: linkpb.NewLinkClient(conn), sender: rand.Text(),
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
func (c *Client) Send(ctx context.Context) error {
	if err := c.send(ctx, c.pending); err != nil {
		return err
	}
	c.pending = nil
	return nil
}

// Finish implements sink.Sink: the receiver closes its windows, too.
func (c *Client) Finish(ctx context.Context) error {
	if c.end == nil {
		c.end = c.message()
		c.end.EndOfInput = true
	}
	if err := c.send(ctx, c.end); err != nil {
		return err
	}
	c.end = nil
	return nil
}

func (c *Client) send(ctx context.Context, m *linkpb.Message) error {
	if m.Headers == nil {
		m.Headers = make(map[string]string, 2)
		propagate.InjectMap(ctx, m.Headers)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	_, err := c.rpc.Send(ctx, m)
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition:
		return sink.Permanent(fmt.Errorf("the peer refuses the message: %s", status.Convert(err).Message()))
	default:
		return err
	}
}

// Close implements sink.Sink.
func (c *Client) Close() error { return c.conn.Close() }
