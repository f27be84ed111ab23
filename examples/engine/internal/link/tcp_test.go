// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

// frame is a frame by hand.
func frame(magic string, version byte, length int, body string) []byte {
	b := append([]byte(magic), version, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(b)-4:], uint32(length))
	return append(b, body...)
}

// writer keeps what is written as a connection would send it.
type writer struct {
	net.Conn
	bytes.Buffer
}

func (w *writer) Read(p []byte) (int, error)  { return w.Buffer.Read(p) }
func (w *writer) Write(p []byte) (int, error) { return w.Buffer.Write(p) }
func (w *writer) Close() error                { return nil }

func TestAFrameBringsItsMessageInAnyPieces(t *testing.T) {
	want := &linkpb.Message{SenderId: "a", Sequence: 7, Payload: bytes.Repeat([]byte("x"), 1<<17)}
	w := &writer{}
	for range 2 {
		if err := newFramed(w).write(want); err != nil {
			t.Fatal(err)
		}
	}
	f := &framed{in: bufio.NewReader(iotest.HalfReader(&w.Buffer))}
	for range 2 {
		got := &linkpb.Message{}
		if err := f.read(got, maxMessage); err != nil || !proto.Equal(got, want) {
			t.Fatalf("%v, %v", err, proto.Equal(got, want))
		}
	}
}

var malformedFrames = map[string][]byte{
	"begins with":      frame("GET", '/', 0, ""),
	"has version 2":    frame(frameMagic, 2, 0, ""),
	"may have":         frame(frameMagic, frameVersion, maxMessage+1, ""),
	"cannot parse":     frame(frameMagic, frameVersion, 3, "\xff\xff\xff"),
	"bytes and may ha": frame(frameMagic, frameVersion, 1<<32-1, "x"),
}

func TestAMalformedFrameIsExplainedAndEndsTheConnection(t *testing.T) {
	s := listen(t, TCP, "127.0.0.1:0", &event.Symbols{}, nil)
	run(t, s)
	for want, bad := range malformedFrames {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		f := newFramed(c)
		if err := f.greet(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(bad); err != nil {
			t.Fatal(err)
		}
		ack := &linkpb.Ack{}
		if err := f.read(ack, maxAck); err != nil || !strings.Contains(ack.GetText(), want) {
			t.Errorf("answer %q, %v, want one about %q", ack.GetText(), err, want)
		}
		if err := f.read(ack, maxAck); err == nil {
			t.Error("the connection goes on")
		}
		f.abort()
	}
}

func TestAPeerOfAnotherVersionIsExplainedToTheSender(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := lis.Accept()
		if err == nil {
			_, _ = c.Write(frame(frameMagic, 9, 0, ""))
			_, _ = c.Read(make([]byte, 100))
			_ = c.Close()
		}
	}()
	c, sent := client(t, TCP, lis.Addr().String(), results)
	_ = c.Format(rows(sent, 0, 1))
	if _, err := c.Send(t.Context()); err == nil || !strings.Contains(err.Error(), "upgrade the older node") {
		t.Errorf("err = %v", err)
	}
	<-done
}

func TestAPeerThatDoesNotAnswerTheHelloIsGivenUp(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody else does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	c, sent := client(t, TCP, lis.Addr().String(), results)
	_ = c.Format(rows(sent, 0, 1))
	if err := within(c, 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "DeadlineExceeded") {
		t.Errorf("err = %v, want a deadline", err)
	}
}

func TestCancellingEndsAnExchangeAtOnce(t *testing.T) {
	s, q, _ := serve(t, TCP, 1, never)
	c, sent := client(t, TCP, s.Addr(), results)
	send(t, c, rows(sent, 0, 1)) // fills the queue
	_ = c.Format(rows(sent, 1, 2))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	if _, err := c.Send(ctx); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("err = %v after %s", err, time.Since(start))
	}
	q.TryTake(time.Time{})
}

// FuzzFrame holds that no bytes panic or allocate beyond the limit, that an error is of the connection or says what is
// malformed, and that a message that was read is written as one that reads the same.
func FuzzFrame(f *testing.F) {
	w := &writer{}
	_ = newFramed(w).write(&linkpb.Message{SenderId: "a", Sequence: 1, Payload: []byte("rows"), Headers: map[string]string{"baggage": "k=v"}})
	f.Add(w.Bytes())
	for _, bad := range malformedFrames {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &framed{in: bufio.NewReader(bytes.NewReader(data))}
		for {
			m := &linkpb.Message{}
			if err := in.read(m, 1<<20); err != nil {
				return
			}
			w := &writer{}
			if err := newFramed(w).write(m); err != nil {
				t.Fatal(err)
			}
			back := &linkpb.Message{}
			if err := (&framed{in: bufio.NewReader(w)}).read(back, 1<<21); err != nil || !proto.Equal(m, back) {
				t.Fatalf("%v read again as %v, %v", m, back, err)
			}
		}
	})
}

func TestConnectionErrorsAreClassified(t *testing.T) {
	for want, err := range map[string]error{
		"timeout": context.DeadlineExceeded, "malformed": malformed("x"), "unavailable": errors.New("no such host"),
	} {
		if got := classify(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

// BenchmarkSend sends batches of 64 rows and waits for each answer, as a query does.
func BenchmarkSend(b *testing.B) {
	for _, protocol := range []string{GRPC, TCP} {
		b.Run(protocol, func(b *testing.B) {
			s, err := Listen("127.0.0.1:0", protocol, nil)
			if err != nil {
				b.Fatal(err)
			}
			s.Accept(results.Stream, results, &event.Symbols{}, func(context.Context, junction.Message, string, uint64) (bool, error) {
				return false, nil
			})
			done := make(chan error, 1)
			go func() { done <- s.Serve(context.Background()) }()
			p, err := Dial(protocol, s.Addr(), nil)
			if err != nil {
				b.Fatal(err)
			}
			names := &event.Symbols{}
			c, batch := p.Client("a", results, names), rows(names, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Format(batch); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Send(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*64/b.Elapsed().Seconds(), "events/s")
			_ = p.Close()
			s.Stop(context.Background())
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
