// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var results = &event.Schema{Stream: "Results", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol}, {Name: "avg", Type: event.Float}, {Name: "n", Type: event.Int}, {Name: "start", Type: event.Time},
}}

// overBoth runs a test over both transports.
func overBoth(t *testing.T, test func(t *testing.T, protocol string)) {
	t.Helper()
	for _, protocol := range []string{GRPC, TCP} {
		t.Run(protocol, func(t *testing.T) { test(t, protocol) })
	}
}

// lossy is a server some of whose answers get lost.
type lossy struct {
	linkpb.UnimplementedLinkServer

	to   linkpb.LinkServer
	lose func() bool
}

func (l lossy) Send(ctx context.Context, m *linkpb.Message) (*linkpb.Ack, error) {
	ack, err := l.to.Send(ctx, m)
	if err == nil && l.lose() {
		return nil, status.Error(codes.Unavailable, "the answer is lost")
	}
	return ack, err
}

// into is a Take that publishes.
func into(out *junction.Junction) Take {
	return func(ctx context.Context, m junction.Message, _ string, _ uint64) (bool, error) {
		_, err := out.Publish(ctx, m)
		return false, err
	}
}

// listen opens a server at addr for the stream of results.
func listen(t *testing.T, protocol, addr string, names *event.Symbols, take Take) *Server {
	t.Helper()
	s, err := Listen(addr, protocol, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Accept(results.Stream, results, names, take)
	return s
}

// run serves until the returned function, or the test, ends.
func run(t *testing.T, s *Server) (stop func()) {
	t.Helper()
	done := make(chan error, 1)
	serving, giveUp := context.WithCancel(context.Background())
	go func() { done <- s.Serve(serving) }()
	stop = sync.OnceFunc(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		giveUp()
		s.Stop(now)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// serve starts a server whose answers may be lost, and returns its queue.
func serve(t *testing.T, protocol string, capacity int, lose func() bool) (*Server, *junction.Queue, *event.Symbols) {
	t.Helper()
	names := &event.Symbols{}
	out := junction.New(nil, results, junction.Policy{})
	q := out.Subscribe(capacity)
	s := listen(t, protocol, "127.0.0.1:0", names, into(out))
	if protocol == TCP {
		s.transport = newFrameServer(lossy{to: s, lose: lose}, s.meter)
	} else {
		server := grpc.NewServer()
		linkpb.RegisterLinkServer(server, lossy{to: s, lose: lose})
		s.transport = server
	}
	run(t, s)
	return s, q, names
}

func never() bool { return false }

func peer(t *testing.T, protocol, addr string) *Peer {
	t.Helper()
	p, err := Dial(protocol, addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func client(t *testing.T, protocol, addr string, s *event.Schema) (*Client, *event.Symbols) {
	t.Helper()
	names := &event.Symbols{}
	return peer(t, protocol, addr).Client("a/"+s.Stream, s, names), names
}

// rows are the rows from first up to, without, end.
func rows(names *event.Symbols, first, end int) *event.Batch {
	b := event.NewBatch(results, end-first)
	for i := first; i < end; i++ {
		id, _ := names.Intern("ORCL" + string(rune('A'+i%7)))
		r := b.Append()
		r.SetTime(int64(i))
		r.SetSymbol(0, id)
		r.SetFloat(1, float64(i)/3)
		r.SetInt(2, int64(-i))
		r.SetInt(3, int64(i)*1e9)
	}
	return b
}

// send delivers b, trying as long as a query would, without its pauses.
func send(t *testing.T, c *Client, b *event.Batch) {
	t.Helper()
	if err := c.Format(b); err != nil {
		t.Fatal(err)
	}
	again(t, func(ctx context.Context) error { _, err := c.Send(ctx); return err })
}

func again(t *testing.T, attempt func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		err := attempt(ctx)
		if err == nil {
			return
		}
		if sink.IsPermanent(err) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// within is one attempt to send that may take so long.
func within(c *Client, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_, err := c.Send(ctx)
	return err
}

func TestALostAnswerCountsNoEventTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		var calls atomic.Int64
		s, q, names := serve(t, protocol, 100, func() bool { return calls.Add(1)%2 == 1 }) // every first answer
		c, sent := client(t, protocol, s.Addr(), results)
		for n := range 10 {
			b := rows(sent, 3*n, 3*n+3)
			send(t, c, b)
			m, state := q.TryTake(time.Time{})
			if state != junction.Taken || m.Batch.Len() != 3 || m.Source != protocol {
				t.Fatalf("took %d events of %q, state %d", m.Batch.Len(), m.Source, state)
			}
			for i := range 3 {
				got, want := m.Batch.Row(i), b.Row(i)
				if got.Float(1) != want.Float(1) || got.Int(2) != want.Int(2) || got.Int(3) != want.Int(3) ||
					names.Name(got.Symbol(0)) != sent.Name(want.Symbol(0)) {
					t.Errorf("row %d changed on the way", i)
				}
			}
		}
		again(t, c.Finish)
		if m, _ := q.TryTake(time.Time{}); !m.End {
			t.Error("the end of the input did not arrive")
		}
		if _, state := q.TryTake(time.Time{}); state != junction.Empty || s.Received.Load() != 30 || s.Duplicates.Load() != 11 {
			t.Errorf("received %d, want 30; %d duplicates, want 11", s.Received.Load(), s.Duplicates.Load())
		}
		send(t, c, rows(sent, 30, 31)) // a new input
		again(t, c.Finish)
		q.TryTake(time.Time{})
		if m, _ := q.TryTake(time.Time{}); !m.End {
			t.Error("the end of the second input did not arrive")
		}
	})
}

func TestARequestThatTimesOutIsNotPublishedTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		s, q, _ := serve(t, protocol, 1, never)
		c, sent := client(t, protocol, s.Addr(), results)
		send(t, c, rows(sent, 0, 1))
		_ = c.Format(rows(sent, 1, 3)) // the queue is full: the server must wait
		for range 3 {
			if within(c, 30*time.Millisecond) == nil {
				t.Fatal("acknowledged although the queue is full")
			}
		}
		q.TryTake(time.Time{})
		if err := within(c, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if m, _ := q.TryTake(time.Time{}); m.Batch.Len() != 2 {
			t.Errorf("took %d events, want 2", m.Batch.Len())
		}
		if _, state := q.TryTake(time.Time{}); state != junction.Empty {
			t.Error("the batch is there twice")
		}
	})
}

func TestAForeignStreamIsRefusedForGood(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		s, _, _ := serve(t, protocol, 1, never)
		renamed := &event.Schema{Stream: results.Stream, Columns: results.Columns[1:]}
		other := &event.Schema{Stream: "Other", Columns: results.Columns}
		for want, schema := range map[string]*event.Schema{`no stream "Other"`: other, "columns": renamed} {
			c, _ := client(t, protocol, s.Addr(), schema)
			_ = c.Format(event.NewBatch(schema, 0))
			_, err := c.Send(context.Background())
			if !sink.IsPermanent(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v, want a permanent one about %q", err, want)
			}
		}
	})
}

func TestWhatTakeRefusesForGoodIsPermanent(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		refusal := errors.New("the log is full")
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, func(context.Context, junction.Message, string, uint64) (bool, error) {
			return false, refusal
		})
		run(t, s)
		c, sent := client(t, protocol, s.Addr(), results)
		_ = c.Format(rows(sent, 0, 1))
		if _, err := c.Send(t.Context()); err == nil || sink.IsPermanent(err) || !strings.Contains(err.Error(), "the log is full") {
			t.Errorf("err = %v, want one that repeating may cure", err)
		}
		refusal = sink.Permanent(refusal)
		if _, err := c.Send(t.Context()); !sink.IsPermanent(err) || !strings.Contains(err.Error(), "the log is full") {
			t.Errorf("err = %v, want a permanent one", err)
		}
	})
}

func TestSendersForgetsWhoWasSilentLongest(t *testing.T) {
	s, err := Listen("127.0.0.1:0", TCP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context())
	s.Accept(results.Stream, results, nil, nil)
	in := s.streams[results.Stream]
	first, second := in.sender("first"), in.sender("second")
	for i := range maxSenders - 2 {
		in.sender("other" + string(rune('A'+i)))
	}
	in.sender("first") // speaks again
	in.sender("one too many")
	if in.senders.Len() != maxSenders || in.sender("first") != first || in.sender("second") == second {
		t.Errorf("%d senders known, of %d", in.senders.Len(), maxSenders)
	}
}

// A collector keeps every row it is given, and checks that each comes once and in order.
type collector struct {
	mu   sync.Mutex
	got  []int64
	ends int
}

func (c *collector) take(_ context.Context, m junction.Message, _ string, _ uint64) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range m.Batch.Len() {
		c.got = append(c.got, m.Batch.Row(i).Time())
	}
	if m.End {
		c.ends++
	}
	return false, nil
}

func (c *collector) check(t *testing.T, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) != n {
		t.Fatalf("%d rows came through, want %d", len(c.got), n)
	}
	for i, at := range c.got {
		if at != int64(i) {
			t.Fatalf("row %d came in the place of row %d", at, i)
		}
	}
}

func TestASenderThatRestartsWithOtherBatchesRepeatsNoRow(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		var all collector
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, all.take)
		run(t, s)
		c, sent := client(t, protocol, s.Addr(), results)
		send(t, c, rows(sent, 0, 10))
		checkpoint, _ := c.Position() // never fails
		send(t, c, rows(sent, 10, 14))
		send(t, c, rows(sent, 14, 20))
		again(t, c.Finish)

		restarted, sent := client(t, protocol, s.Addr(), results)
		_ = restarted.Recover(checkpoint)      // never fails
		send(t, restarted, rows(sent, 10, 12)) // known
		send(t, restarted, rows(sent, 12, 20)) // known, cut elsewhere
		again(t, restarted.Finish)             // known
		_ = restarted.Recover(18)
		send(t, restarted, rows(sent, 18, 25)) // known in part
		again(t, restarted.Finish)
		all.check(t, 25)
		if all.ends != 2 || s.Duplicates.Load() != 3 || s.Received.Load() != 25 || restarted.rows != 25 {
			t.Errorf("%d ends, %d duplicates, %d received", all.ends, s.Duplicates.Load(), s.Received.Load())
		}
	})
}

func TestAReceiverThatRestartsLosesNothing(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		var all collector
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, all.take)
		stop := run(t, s)
		c, sent := client(t, protocol, s.Addr(), results)
		send(t, c, rows(sent, 0, 5))
		send(t, c, rows(sent, 5, 7))
		stop()
		_ = c.Format(rows(sent, 7, 9))
		if within(c, time.Second) == nil {
			t.Fatal("sent to nobody")
		}
		s = listen(t, protocol, s.Addr(), &event.Symbols{}, all.take)
		s.Know(results.Stream, "a/"+results.Stream, 8) // row 8 was in its checkpoint, its answer was lost
		run(t, s)
		all.got = append(all.got, 7)
		again(t, func(ctx context.Context) error { _, err := c.Send(ctx); return err })
		all.check(t, 9)
		if s.Received.Load() != 1 {
			t.Errorf("%d received since the restart, want 1", s.Received.Load())
		}
	})
}

func TestStopWaitsForTheMessageInWork(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		entered, leave := make(chan struct{}), make(chan struct{})
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, func(context.Context, junction.Message, string, uint64) (bool, error) {
			close(entered)
			<-leave
			return false, nil
		})
		done, stopped := make(chan error, 1), make(chan struct{})
		go func() { done <- s.Serve(context.Background()) }()
		c, sent := client(t, protocol, s.Addr(), results)
		_ = c.Format(rows(sent, 0, 1))
		answered := make(chan error, 1)
		go func() { answered <- within(c, 10*time.Second) }()
		<-entered
		go func() { s.Stop(t.Context()); close(stopped) }()
		for {
			d, err := net.Dial("tcp", s.Addr())
			if err != nil {
				break
			}
			_ = d.Close()
		}
		close(leave)
		if err := <-answered; err != nil {
			t.Error("the message in work was not answered:", err)
		}
		<-stopped
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A cable is a TCP proxy that can be cut, so that bytes vanish and nobody is told, or held, so that they are late.
type cable struct {
	net.Listener
	cut   atomic.Bool
	hold  sync.RWMutex
	conns sync.WaitGroup
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{Listener: lis}
	var mu sync.Mutex
	var open []net.Conn
	w.conns.Go(func() {
		for {
			a, err := lis.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				_ = a.Close()
				continue
			}
			mu.Lock()
			open = append(open, a, b)
			mu.Unlock()
			w.conns.Go(func() { w.pass(a, b) })
			w.conns.Go(func() { w.pass(b, a) })
		}
	})
	t.Cleanup(func() {
		_ = lis.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		w.conns.Wait()
	})
	return w
}

func (w *cable) pass(to, from net.Conn) {
	buf := make([]byte, 1<<15)
	for {
		n, err := from.Read(buf)
		if err != nil {
			_ = to.Close()
			return
		}
		w.hold.RLock()
		w.hold.RUnlock() //nolint:staticcheck // passes when nobody holds
		if !w.cut.Load() {
			_, _ = to.Write(buf[:n])
		}
	}
}

func TestAHalfOpenConnectionIsGivenUpAndReplaced(t *testing.T) {
	var all collector
	s := listen(t, TCP, "127.0.0.1:0", &event.Symbols{}, all.take)
	run(t, s)
	w := newCable(t, s.Addr())
	c, sent := client(t, TCP, w.Addr().String(), results)
	send(t, c, rows(sent, 0, 2))
	w.cut.Store(true)
	_ = c.Format(rows(sent, 2, 4))
	if err := within(c, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "DeadlineExceeded") {
		t.Errorf("err = %v, want a deadline", err)
	}
	if n := c.peer.meter.open.Load(); n != 0 {
		t.Errorf("%d connections are kept although nothing came back", n)
	}
	w.cut.Store(false)
	if err := within(c, 5*time.Second); err != nil {
		t.Error(err)
	}
	all.check(t, 4)
}

func TestMessagesThatAreLateAreNotTakenTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		var all collector
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, all.take)
		run(t, s)
		w := newCable(t, s.Addr())
		c, sent := client(t, protocol, w.Addr().String(), results)
		send(t, c, rows(sent, 0, 2))
		w.hold.Lock()
		_ = c.Format(rows(sent, 2, 4))
		for range 3 {
			if within(c, 30*time.Millisecond) == nil {
				t.Error("answered over a cable that passes nothing on")
			}
		}
		w.hold.Unlock() // now every attempt arrives
		if err := within(c, 5*time.Second); err != nil {
			t.Error(err)
		}
		send(t, c, rows(sent, 4, 6))
		all.check(t, 6)
	})
}

func TestManySendersShareAPeer(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		counts := map[string]int{}
		var mu sync.Mutex
		s := listen(t, protocol, "127.0.0.1:0", &event.Symbols{}, func(_ context.Context, m junction.Message, from string, _ uint64) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			counts[from] += m.Batch.Len()
			return false, nil
		})
		run(t, s)
		p := peer(t, protocol, s.Addr())
		var wg sync.WaitGroup
		for i := range 3 * poolSize {
			wg.Go(func() {
				names := &event.Symbols{}
				c := p.Client("sender"+string(rune('A'+i)), results, names)
				for n := range 20 {
					_ = c.Format(rows(names, n, n+1))
					if err := within(c, 10*time.Second); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if len(counts) != 3*poolSize || s.Received.Load() != 3*poolSize*20 || s.meter.open.Load() > poolSize {
			t.Errorf("%v received over %d connections", counts, s.meter.open.Load())
		}
	})
}

func TestHeartbeatsAreAnswered(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		s := listen(t, protocol, "127.0.0.1:0", nil, nil)
		s.Beats = func(node string, h *linkpb.Heartbeat) (*linkpb.Heartbeat, error) {
			if node != "a" {
				return nil, errors.New("node " + node + " is unknown here")
			}
			return &linkpb.Heartbeat{Echo: h.GetStamp()}, nil
		}
		run(t, s)
		p := peer(t, protocol, s.Addr())
		if h, err := p.Beat(t.Context(), "a", &linkpb.Heartbeat{Stamp: 7}); err != nil || h.GetEcho() != 7 {
			t.Errorf("answer %v, %v", h, err)
		}
		if _, err := p.Beat(t.Context(), "c", &linkpb.Heartbeat{}); !sink.IsPermanent(err) || !strings.Contains(err.Error(), "node c is unknown") {
			t.Errorf("err = %v", err)
		}
		s.Beats = nil
		if _, err := p.Beat(t.Context(), "a", &linkpb.Heartbeat{}); !sink.IsPermanent(err) {
			t.Errorf("err = %v, want a refusal", err)
		}
	})
}

func TestABatchThatIsTooLargeIsNotFormatted(t *testing.T) {
	c := (&Peer{meter: newMeter(nil, TCP, "out")}).Client("a", results, &event.Symbols{})
	b := event.NewBatch(results, 1<<20)
	for range 1 << 20 {
		b.Append().SetInt(2, -1<<62)
	}
	if err := c.Format(b); err == nil || !strings.Contains(err.Error(), "make the batches smaller") || c.rows != 0 {
		t.Errorf("err = %v, position %d", err, c.rows)
	}
}

func TestNobodyListensIsRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		t.Helper()
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = lis.Close()
		c, sent := client(t, protocol, lis.Addr().String(), results)
		_ = c.Format(rows(sent, 0, 1))
		if err := within(c, time.Second); err == nil || sink.IsPermanent(err) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("err = %v, want a refused connection", err)
		}
	})
	if _, err := Dial(TCP, "nowhere", nil); err == nil || !strings.Contains(err.Error(), "host:port") {
		t.Errorf("err = %v", err)
	}
	if got := classify(io.EOF); got != "unavailable" {
		t.Errorf("a peer that left is %q", got)
	}
}
