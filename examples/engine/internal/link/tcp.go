// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// A frame is "EF", the version of the protocol, the kind of the frame, the length of the body in four bytes, most
// significant first, and the body. Both sides begin with a hello, which has no body; then every message is answered by
// an ack, in order. The body of a message begins with the length of the trace context in one byte and its binary form;
// then, as in an ack, comes protobuf.
const (
	frameMagic   = "EF"
	frameVersion = 1
	frameHead    = 8
	helloFrame   = 1
	messageFrame = 2
	ackFrame     = 3

	frameTimeout = 10 * time.Second // for the rest of a frame once it has begun, and for writing one
	idleClient   = time.Minute      // a connection unused for this long is not used again
	idleServer   = 2 * idleClient   // so the server closes only those that were forgotten
	poolSize     = 4                // connections to one peer; more senders wait for each other
	maxAck       = 1 << 16          // bytes
	keptBuffer   = 1 << 20          // bytes; larger buffers are given back after use
)

// malformed says what is wrong with what the peer sent.
type malformed string

func (m malformed) Error() string { return "could not read the frame: " + string(m) }

// readFrame reads a frame of kind want whose body has at most limit bytes. Memory grows with what arrives, not with
// what the head promises.
func readFrame(r io.Reader, want byte, limit int, body *bytes.Buffer) error {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(head[4:])
	switch {
	case string(head[:2]) != frameMagic:
		return malformed(fmt.Sprintf("it begins with %q and not with %q; is the peer's link over %s, too?", head[:2], frameMagic, TCP))
	case head[2] != frameVersion:
		return malformed(fmt.Sprintf("the peer speaks version %d and this node version %d; upgrade the older one", head[2], frameVersion))
	case head[3] != want:
		return malformed(fmt.Sprintf("it is of kind %d and not %d", head[3], want))
	case int64(length) > int64(limit):
		return malformed(fmt.Sprintf("it has %d bytes and may have %d", length, limit))
	}
	body.Reset()
	if _, err := io.CopyN(body, r, int64(length)); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else {
		return err
	}
}

// splitMessage takes the body of a message frame apart. Trace is valid as long as body.
func splitMessage(body []byte) (trace []byte, m *linkpb.Message, err error) {
	if len(body) == 0 || len(body) <= int(body[0]) {
		return nil, nil, malformed("its trace context is cut off")
	}
	at := 1 + int(body[0])
	m = &linkpb.Message{}
	if err := proto.Unmarshal(body[at:], m); err != nil {
		return nil, nil, malformed(err.Error())
	}
	return body[1:at], m, nil
}

// framed is a connection that carries frames. It belongs to one goroutine at a time.
type framed struct {
	net.Conn
	in   *bufio.Reader
	body bytes.Buffer // of the frame read last
	out  []byte
	used time.Time
}

func newFramed(c net.Conn) *framed { return &framed{Conn: c, in: bufio.NewReader(c), used: time.Now()} }

func (f *framed) read(want byte, limit int) error {
	if f.body.Cap() > keptBuffer {
		f.body = bytes.Buffer{}
	}
	return readFrame(f.in, want, limit, &f.body)
}

// write sends a frame whose body is prefix and m, which may be nil.
func (f *framed) write(kind byte, prefix []byte, m proto.Message) (n int, err error) {
	frame := append(f.out[:0], frameMagic[0], frameMagic[1], frameVersion, kind, 0, 0, 0, 0)
	if frame, err = (proto.MarshalOptions{}).MarshalAppend(append(frame, prefix...), m); err != nil {
		return 0, err
	}
	binary.BigEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
	if f.out = frame; cap(frame) > keptBuffer {
		f.out = nil
	}
	return f.Write(frame)
}

// greet exchanges hellos.
func (f *framed) greet() error {
	if _, err := f.write(helloFrame, nil, nil); err != nil {
		return err
	}
	return f.read(helloFrame, 0)
}

// closeWith closes the connection when ctx ends, unless release is called before.
func (f *framed) closeWith(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = f.Close() })
}

// pool is the framed transport of a sender: it keeps connections to one peer.
type pool struct {
	addr  string
	meter *meter
	slots chan struct{} // one token per connection in use

	mu     sync.Mutex
	idle   []*framed // the one used last is taken first
	closed bool
}

func newPool(addr string, m *meter) *pool {
	return &pool{addr: addr, meter: m, slots: make(chan struct{}, poolSize)}
}

// exchange implements carrier.
func (p *pool) exchange(ctx context.Context, m *linkpb.Message) (*linkpb.Ack, int, error) {
	prefix := propagate.InjectBinary(ctx, make([]byte, 1, 1+propagate.BinarySize))
	prefix[0] = byte(len(prefix) - 1)
	delete(m.Headers, "traceparent") // the prefix says the same
	ack := &linkpb.Ack{}
	sent := 0
	f, err := p.take(ctx)
	if err == nil {
		release := f.closeWith(ctx)
		if sent, err = f.write(messageFrame, prefix, m); err == nil {
			if err = f.read(ackFrame, maxAck); err == nil {
				err = proto.Unmarshal(f.body.Bytes(), ack)
			}
		}
		p.put(f, release() && err == nil)
	}
	switch {
	case err == nil:
		return ack, sent, status.Error(codes.Code(ack.GetCode()), ack.GetText()) // nil for OK
	case ctx.Err() != nil:
		return nil, 0, status.FromContextError(ctx.Err()).Err()
	case errors.Is(err, io.EOF):
		err = errors.New("the peer closed the connection")
	}
	return nil, 0, status.Error(codes.Unavailable, err.Error())
}

// take returns a connection for the caller alone, which must put it back.
func (p *pool) take(ctx context.Context) (*framed, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f := p.reuse(); f != nil {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c, err := p.meter.dial(ctx, p.addr, func(ctx context.Context, raw net.Conn) error {
		f := newFramed(raw)
		defer f.closeWith(ctx)()
		return f.greet()
	})
	if err != nil {
		<-p.slots
		return nil, err
	}
	return newFramed(c), nil
}

func (p *pool) reuse() *framed {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last >= 0 && time.Since(p.idle[last].used) > idleClient {
		p.drop()
		last = -1
	}
	if last < 0 {
		return nil
	}
	f := p.idle[last]
	p.idle = p.idle[:last]
	p.meter.links.PoolSize().Add(-1)
	return f
}

// put takes a connection back. If it is broken, those that are idle go, too: they lead to the same place.
func (p *pool) put(f *framed, sound bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.used = time.Now(); sound && !p.closed {
		p.idle = append(p.idle, f)
		p.meter.links.PoolSize().Add(1)
	} else {
		_ = f.Close()
		p.drop()
	}
	<-p.slots
}

func (p *pool) drop() {
	for _, f := range p.idle {
		_ = f.Close()
	}
	p.meter.links.PoolSize().Add(-len(p.idle))
	p.idle = nil
}

// Close ends the idle connections, and each other one after its exchange.
func (p *pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.drop()
	return nil
}

// frameServer is the framed transport of a receiver: it answers the messages of a connection one after the other.
type frameServer struct {
	to            *Server
	idle, all     context.Context //nolint:containedctx // end idle connections, and all of them
	endIdle, kill context.CancelFunc
	done          chan struct{}
}

func newFrameServer(to *Server) *frameServer {
	s := &frameServer{to: to, done: make(chan struct{})}
	s.idle, s.endIdle = context.WithCancel(context.Background())
	s.all, s.kill = context.WithCancel(context.Background())
	return s
}

func (s *frameServer) serve(lis net.Listener) error {
	defer close(s.done)
	defer context.AfterFunc(s.idle, func() { _ = lis.Close() })()
	var talks sync.WaitGroup
	defer talks.Wait()
	for {
		c, err := lis.Accept()
		switch {
		case err == nil:
			talks.Go(func() { s.talk(newFramed(c)) })
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			time.Sleep(50 * time.Millisecond) // out of file descriptors: some will be closed
		}
	}
}

// stop waits for the messages in work until ctx ends.
func (s *frameServer) stop(ctx context.Context) {
	s.endIdle()
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	s.kill()
}

// talk answers until the connection ends. What cannot be read ends it, too, because nobody knows where the next frame
// begins; the peer is told why.
func (s *frameServer) talk(f *framed) {
	defer f.Close()
	defer f.closeWith(s.all)()
	watch := time.AfterFunc(frameTimeout, func() { _ = f.Close() })
	defer watch.Stop()
	err := f.greet()
	for err == nil {
		err = s.answer(f, watch)
	}
	if bad, ok := errors.AsType[malformed](err); ok {
		s.to.meter.links.Error(errorMalformed)
		s.to.meter.refused(status.Error(codes.InvalidArgument, bad.Error()))
		_, _ = f.write(ackFrame, nil, &linkpb.Ack{Code: uint32(codes.Unavailable), Text: bad.Error()})
	}
}

func (s *frameServer) answer(f *framed, watch *time.Timer) error {
	watch.Reset(idleServer)
	awake := f.closeWith(s.idle)
	_, err := f.in.Peek(1)
	watch.Reset(frameTimeout)
	if awake(); err != nil {
		return err
	}
	if err := f.read(messageFrame, maxMessage); err != nil {
		return err
	}
	body := f.body.Bytes()
	trace, m, err := splitMessage(body)
	if err != nil {
		return err
	}
	watch.Stop()
	ctx, cancel := context.WithTimeout(s.all, attemptTimeout)
	defer cancel()
	ack, err := s.to.handle(ctx, m, trace, frameHead+len(body))
	if err != nil {
		ack = &linkpb.Ack{Code: uint32(status.Code(err)), Text: status.Convert(err).Message()}
	}
	watch.Reset(frameTimeout)
	_, err = f.write(ackFrame, nil, ack)
	return err
}
