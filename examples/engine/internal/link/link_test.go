// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server whose answers may be lost, and returns its queue.
func serve(t *testing.T, capacity int, lose func() bool) (*Server, *junction.Queue, *event.Symbols) {
	t.Helper()
	names := &event.Symbols{}
	out := junction.New(nil, market.Aggregate, junction.Policy{})
	q := out.Subscribe(capacity)
	s, err := Listen("127.0.0.1:0", out, names, NewMeter(nil, semconv.DirectionIn))
	if err != nil {
		t.Fatal(err)
	}
	s.grpc = grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			answer, err := next(ctx, req)
			if err == nil && lose() {
				return nil, status.Error(codes.Unavailable, "the answer is lost")
			}
			return answer, err
		}))
	linkpb.RegisterLinkServer(s.grpc, s)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		s.grpc.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, q, names
}

func client(t *testing.T, addr string, s *event.Schema) (*Client, *event.Symbols) {
	t.Helper()
	names := &event.Symbols{}
	c, err := NewClient(addr, s, names, NewMeter(nil, semconv.DirectionOut))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, names
}

func results(names *event.Symbols, n int) *event.Batch {
	b := event.NewBatch(market.Aggregate, n)
	id, _ := names.Intern("ORCL")
	for i := range n {
		r := b.Append()
		for c := range market.Aggregate.Columns {
			r.SetFloat(c, float64(i*10+c))
		}
		r.SetTime(int64(i))
		r.SetSymbol(0, id)
	}
	return b
}

func TestALostAnswerCountsNoEventTwice(t *testing.T) {
	var calls atomic.Int64
	s, q, names := serve(t, 100, func() bool { return calls.Add(1)%2 == 1 }) // every first answer
	c, sent := client(t, s.Addr(), market.Aggregate)
	for range 10 {
		b := results(sent, 3)
		if err := c.Format(b); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.Send(context.Background()); err == nil {
				break
			}
		}
		m, state := q.TryTake()
		if state != junction.Taken || m.Batch.Len() != 3 || names.Name(m.Batch.Row(0).Symbol(0)) != "ORCL" {
			t.Fatalf("took %d events, state %d", m.Batch.Len(), state)
		}
		for i := range 3 {
			if m.Batch.Row(i).Float(2) != b.Row(i).Float(2) || m.Batch.Row(i).Int(4) != b.Row(i).Int(4) {
				t.Errorf("row %d changed on the way", i)
			}
		}
	}
	for c.Finish(context.Background()) != nil {
	}
	if m, _ := q.TryTake(); !m.End {
		t.Error("the end of the input did not arrive")
	}
	if _, state := q.TryTake(); state != junction.Empty || s.Received() != 30 || s.Duplicates() != 11 {
		t.Errorf("received %d, want 30; %d duplicates, want 11", s.Received(), s.Duplicates())
	}
}

func TestARequestThatTimesOutIsNotPublishedTwice(t *testing.T) {
	s, q, _ := serve(t, 1, func() bool { return false })
	c, sent := client(t, s.Addr(), market.Aggregate)
	send := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		_, err := c.Send(ctx)
		return err
	}
	_ = c.Format(results(sent, 1))
	if err := send(time.Second); err != nil {
		t.Fatal(err)
	}
	_ = c.Format(results(sent, 2)) // the queue is full: the server must wait
	for range 3 {
		if send(30*time.Millisecond) == nil {
			t.Fatal("acknowledged although the queue is full")
		}
	}
	q.TryTake()
	if err := send(time.Second); err != nil {
		t.Fatal(err)
	}
	if m, _ := q.TryTake(); m.Batch.Len() != 2 {
		t.Errorf("took %d events, want 2", m.Batch.Len())
	}
	if _, state := q.TryTake(); state != junction.Empty {
		t.Error("the batch is there twice")
	}
}

func TestAForeignStreamIsRefusedForGood(t *testing.T) {
	s, _, _ := serve(t, 1, func() bool { return false })
	renamed := &event.Schema{Stream: market.Aggregate.Stream, Columns: market.Stock.Columns}
	for want, schema := range map[string]*event.Schema{"no stream": market.Stock, "columns": renamed} {
		c, _ := client(t, s.Addr(), schema)
		_ = c.Format(event.NewBatch(schema, 0))
		_, err := c.Send(context.Background())
		if !sink.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want a permanent one about %q", err, want)
		}
	}
}

func TestSendersForgetsWhoWasSilentLongest(t *testing.T) {
	var s senders
	enter := func(id string) *sender {
		one, err := s.enter(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		one.leave()
		return one
	}
	first, second := enter("first"), enter("second")
	for i := range maxSenders - 2 {
		enter("other" + string(rune('A'+i)))
	}
	enter("first") // speaks again
	enter("one too many")
	if len(s.known) != maxSenders || enter("first") != first || enter("second") == second {
		t.Errorf("%d senders known; first kept: %v", len(s.known), s.known["first"] == first)
	}
}
