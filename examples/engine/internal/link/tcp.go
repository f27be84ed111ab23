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

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// A frame is "EFL", the version of the protocol, the length of the body in four bytes, most significant first, and the
// body. Both sides begin with an empty one as hello; then every Message is answered by an Ack, in order.
const (
	frameMagic   = "EFL"
	frameVersion = 1
	frameHead    = 8
	frameTimeout = 10 * time.Second // for the rest of a frame once it has begun, and for writing one
	poolSize     = 4                // connections to one peer; more senders wait for each other
	maxAck       = 1 << 16          // bytes
)

// malformed says what is wrong with what the peer sent.
type malformed string

func (m malformed) Error() string { return "could not read the frame: " + string(m) }

// framed is a connection that carries frames. It belongs to one goroutine at a time.
type framed struct {
	net.Conn
	in *bufio.Reader
}

func newFramed(c net.Conn) *framed { return &framed{Conn: c, in: bufio.NewReader(c)} }

// read reads a frame with at most limit bytes in its body into m. Memory grows with what arrives, not with what the
// head promises.
func (f *framed) read(m proto.Message, limit uint32) error {
	var head [frameHead]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(head[4:])
	switch {
	case string(head[:3]) != frameMagic:
		return malformed(fmt.Sprintf("it begins with %q and not with %q; is the link of the peer over tcp, too?", head[:3], frameMagic))
	case head[3] != frameVersion:
		return malformed(fmt.Sprintf("it has version %d and not %d; upgrade the older node", head[3], frameVersion))
	case length > limit:
		return malformed(fmt.Sprintf("it has %d bytes and may have %d", length, limit))
	}
	body := bytes.NewBuffer(make([]byte, 0, min(length, 1<<16)))
	if _, err := io.CopyN(body, f.in, int64(length)); err != nil {
		return err
	}
	if err := proto.Unmarshal(body.Bytes(), m); err != nil {
		return malformed(err.Error())
	}
	return nil
}

// write sends m as a frame.
func (f *framed) write(m proto.Message) error {
	frame := append(make([]byte, 0, frameHead+proto.Size(m)), frameMagic...)
	frame, err := proto.MarshalOptions{}.MarshalAppend(append(frame, frameVersion, 0, 0, 0, 0), m)
	if err == nil {
		binary.BigEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
		_, err = f.Write(frame)
	}
	return err
}

// greet exchanges hellos.
func (f *framed) greet() error {
	if err := f.write(&linkpb.Ack{}); err != nil {
		return err
	}
	return f.read(&linkpb.Ack{}, 0)
}

// abort closes the connection under whoever uses it.
func (f *framed) abort() { _ = f.Close() }

// pool is the framed transport of a sender: it keeps connections to one peer, as many as there were exchanges at once.
type pool struct {
	grpc.ClientConnInterface // for the methods that Link does not use

	addr  string
	meter *meter
	slots *semaphore.Weighted // one per exchange
	idle  chan *framed
}

func newPool(addr string, m *meter) *pool {
	return &pool{addr: addr, meter: m, slots: semaphore.NewWeighted(poolSize), idle: make(chan *framed, poolSize)}
}

// Invoke carries a call of Link.Send. Its errors are those of gRPC.
func (p *pool) Invoke(ctx context.Context, _ string, args, reply any, _ ...grpc.CallOption) error {
	m, ack := args.(*linkpb.Message), reply.(*linkpb.Ack)
	m.SpanContext = propagate.InjectBinary(ctx, nil)
	delete(m.Headers, "traceparent") // says the same
	err := p.slots.Acquire(ctx, 1)
	if err == nil {
		err = p.exchange(ctx, m, ack)
		p.slots.Release(1)
	}
	switch {
	case err == nil:
		return status.Error(codes.Code(ack.GetCode()), ack.GetText()) // nil for OK
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	default:
		return status.Error(codes.Unavailable, err.Error())
	}
}

func (p *pool) exchange(ctx context.Context, m *linkpb.Message, ack *linkpb.Ack) (err error) {
	var f *framed
	select {
	case f = <-p.idle:
	default:
		if f, err = p.dial(ctx); err != nil {
			return err
		}
	}
	release := context.AfterFunc(ctx, f.abort)
	if err = f.write(m); err == nil {
		err = f.read(ack, maxAck)
	}
	if release() && err == nil {
		p.idle <- f
	} else {
		p.drop(f)
	}
	return err
}

func (p *pool) dial(ctx context.Context) (*framed, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c, err := p.meter.dial(ctx, p.addr, func(raw net.Conn) error {
		defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
		return newFramed(raw).greet()
	})
	if err != nil {
		return nil, err
	}
	p.meter.links.PoolSize().Add(1)
	return newFramed(c), nil
}

// drop closes f, and what is idle: it leads to the same place.
func (p *pool) drop(f *framed) {
	f.abort()
	p.meter.links.PoolSize().Add(-1)
	select {
	case f = <-p.idle:
		p.drop(f)
	default:
	}
}

// Close ends the connections after the exchanges in work.
func (p *pool) Close() error {
	_ = p.slots.Acquire(context.Background(), poolSize) // which cannot fail
	defer p.slots.Release(poolSize)
	for len(p.idle) > 0 {
		p.drop(<-p.idle)
	}
	return nil
}

// frameServer is the framed transport of a receiver: it answers the messages of a connection one after the other.
type frameServer struct {
	to            linkpb.LinkServer
	meter         *meter
	idle, all     context.Context //nolint:containedctx // end idle connections, and all of them
	endIdle, kill context.CancelFunc
	serving       sync.Mutex
}

func newFrameServer(to linkpb.LinkServer, m *meter) *frameServer {
	s := &frameServer{to: to, meter: m}
	s.idle, s.endIdle = context.WithCancel(context.Background())
	s.all, s.kill = context.WithCancel(context.Background())
	return s
}

// Serve accepts connections until one of the Stops.
func (s *frameServer) Serve(lis net.Listener) error {
	s.serving.Lock()
	defer s.serving.Unlock()
	defer context.AfterFunc(s.idle, func() { _ = lis.Close() })()
	var talks sync.WaitGroup
	defer talks.Wait()
	defer s.endIdle()
	for {
		c, err := lis.Accept()
		if err != nil {
			return err
		}
		talks.Go(func() { s.talk(newFramed(c)) })
	}
}

// GracefulStop waits for the messages in work.
func (s *frameServer) GracefulStop() {
	s.endIdle()
	s.serving.Lock()
	defer s.serving.Unlock()
	s.kill()
}

// Stop ends what GracefulStop waits for.
func (s *frameServer) Stop() { s.kill() }

// talk answers until the connection ends. What cannot be read ends it, too, because nobody knows where the next frame
// begins; the peer is told why.
func (s *frameServer) talk(f *framed) {
	defer f.abort()
	defer context.AfterFunc(s.all, f.abort)()
	watch := time.AfterFunc(frameTimeout, f.abort)
	defer watch.Stop()
	err := f.greet()
	for err == nil {
		err = s.answer(f, watch)
	}
	if bad, ok := errors.AsType[malformed](err); ok {
		s.meter.links.Error("malformed")
		s.meter.refused(status.Error(codes.InvalidArgument, bad.Error()))
		_ = f.write(&linkpb.Ack{Code: uint32(codes.Unavailable), Text: bad.Error()})
	}
}

func (s *frameServer) answer(f *framed, watch *time.Timer) error {
	watch.Stop() // waiting may take its time: a dead peer is found by the probes of TCP
	awake := context.AfterFunc(s.idle, f.abort)
	_, err := f.in.Peek(1)
	watch.Reset(frameTimeout)
	m := &linkpb.Message{}
	if awake(); err == nil {
		err = f.read(m, maxMessage)
	}
	if err != nil {
		return err
	}
	watch.Stop()
	ctx, cancel := context.WithTimeout(s.all, attemptTimeout)
	defer cancel()
	ack, err := s.to.Send(ctx, m)
	if err != nil {
		ack = &linkpb.Ack{Code: uint32(status.Code(err)), Text: status.Convert(err).Message()}
	}
	watch.Reset(frameTimeout)
	return f.write(ack)
}
