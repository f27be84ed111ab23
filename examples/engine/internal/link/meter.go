// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// kinds are the values of eventflux.message.type.
var kinds = map[linkpb.Kind]semconv.MessageTypeValue{
	linkpb.Kind_KIND_EVENT: semconv.MessageTypeEvent, linkpb.Kind_KIND_CONTROL: semconv.MessageTypeControl,
	linkpb.Kind_KIND_HEARTBEAT: semconv.MessageTypeHeartbeat,
}

// meter is what one end of a link reports. Messages are few next to events, so these are shared counters. Without an
// app they count nothing.
type meter struct {
	app       *telemetry.App
	protocol  string
	direction semconv.DirectionValue
	transport *telemetry.Transport
	waiting   *telemetry.UpDownCounter
	links     *telemetry.Connections
	open      atomic.Int64 // connections
}

// newMeter binds the metrics of an end that speaks in direction d.
func newMeter(app *telemetry.App, protocol string, d semconv.DirectionValue) *meter {
	m := &meter{
		app: app, protocol: protocol, direction: d, transport: app.Transport(protocol),
		links: app.Connections(protocol, "refused", "timeout", "reset", "malformed", "unavailable"),
	}
	m.waiting = m.transport.QueueDepth()
	for _, kind := range kinds {
		m.transport.Messages(d, kind) // from zero
	}
	return m
}

// sent counts an attempt and how it ended.
func (m *meter) sent(message *linkpb.Message, bytes int, took time.Duration, err error) {
	m.transport.Messages(m.direction, kinds[message.GetKind()]).Inc()
	if len(message.GetHeaders())+len(message.GetSpanContext()) > 0 {
		m.transport.ContextInjected().Inc()
	}
	result := semconv.ResultSuccess
	if err == nil {
		m.transport.IO(m.direction).Add(bytes)
	} else {
		result = semconv.ResultFailure
		m.refused(err)
	}
	m.transport.SendDuration(result).Observe(took)
}

// refused counts a message that could not be sent or taken.
func (m *meter) refused(err error) { m.transport.Errors(m.direction, status.Code(err).String()).Inc() }

// received counts a message that came in, and returns the context that it brought.
func (m *meter) received(message *linkpb.Message) context.Context {
	m.transport.Messages(m.direction, kinds[message.GetKind()]).Inc()
	m.transport.IO(m.direction).Add(proto.Size(message))
	headers, binary := message.GetHeaders(), message.GetSpanContext()
	ctx := propagate.ExtractMap(context.Background(), headers)
	if sc, err := propagate.ParseBinary(binary); err == nil {
		state, _ := trace.ParseTraceState(headers["tracestate"]) // unreadable: empty, as over gRPC
		ctx = trace.ContextWithRemoteSpanContext(ctx, sc.WithTraceState(state))
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		m.transport.ContextExtracted(semconv.ResultSuccess).Inc()
	} else if len(binary) > 0 || headers["traceparent"] != "" {
		m.transport.ContextExtracted(semconv.ResultFailure).Inc()
	}
	return ctx
}

// classify returns the error.type of a connection that could not be opened, or broke.
func classify(err error) string {
	var bad malformed
	switch timeout, is := errors.AsType[net.Error](err); {
	case is && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused" // nobody listens there
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.As(err, &bad):
		return "malformed" // is not the framed protocol
	default:
		return "unavailable" // no route, no such host, the peer has closed
	}
}

// dial connects and lets greet, unless nil, set the connection up. Whoever dials wants the connection to stay, so its
// end is an error.
func (m *meter) dial(ctx context.Context, addr string, greet func(net.Conn) error) (net.Conn, error) {
	start, result := time.Now(), semconv.ResultSuccess
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err == nil && greet != nil {
		if err = greet(raw); err != nil {
			_ = raw.Close()
		}
	}
	if err != nil {
		result = semconv.ResultFailure
	}
	m.links.HandshakeDuration(result).Observe(time.Since(start))
	if err != nil {
		m.links.Failed(classify(err))
		return nil, err
	}
	return m.opened(raw, true), nil
}

// listener counts every connection that is accepted.
type listener struct {
	net.Listener
	meter *meter
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.meter.opened(c, false), nil
}

// conn counts its end, and the error that led to it, once each.
type conn struct {
	net.Conn
	meter          *meter
	since          time.Time
	endIsError     bool // the peer may not close
	closed, broken sync.Once
}

func (m *meter) opened(raw net.Conn, endIsError bool) *conn {
	m.open.Add(1)
	m.links.Opened()
	return &conn{Conn: raw, meter: m, since: time.Now(), endIsError: endIsError}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.judge(err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.judge(err)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.closed.Do(func() {
		c.meter.open.Add(-1)
		c.meter.links.Closed()
		c.meter.links.Duration().Observe(time.Since(c.since))
	})
	return c.Conn.Close()
}

func (c *conn) judge(err error) error {
	own := err == nil || errors.Is(err, net.ErrClosed) // no error, or closed by this side
	if !own && (c.endIsError || !errors.Is(err, io.EOF)) {
		c.broken.Do(func() { c.meter.links.Error(classify(err)) })
	}
	return err
}
