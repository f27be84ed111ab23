// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// hanging is a sink whose Send returns when it is told to.
type hanging struct{ answer chan error }

func (hanging) Type() string              { return "test" }
func (hanging) Target() string            { return "the test" }
func (hanging) Advice() string            { return "" }
func (hanging) Format(*event.Batch) error { return nil }
func (h hanging) Send(context.Context) (int, error) {
	return 0, <-h.answer
}
func (hanging) Finish(context.Context) error { return nil }
func (hanging) Close() error                 { return nil }

func publish(t *testing.T, j *junction.Junction) {
	t.Helper()
	b := event.NewBatch(enginetest.Stock, 1)
	b.Append()
	if _, err := j.Publish(context.Background(), junction.Message{Ctx: context.Background(), Batch: b}); err != nil {
		t.Fatal(err)
	}
}

func TestAQueryIsStuckWhenNothingMovesAlthoughSomethingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out, s := junction.New(nil, enginetest.Stock, junction.Policy{}), junction.New(nil, enginetest.Filtered, junction.Policy{}), hanging{make(chan error)}
		q, err := New(nil, Config{ID: "q", From: []*junction.Queue{in.Subscribe(8)}, Into: out, Sinks: []sink.Sink{s}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- q.Run(context.Background()) }()
		time.Sleep(time.Minute)
		publish(t, in) // hangs in the sink
		time.Sleep(time.Minute)
		if err := q.Check(time.Now()); err != nil {
			t.Errorf("nothing waits: %v", err)
		}
		publish(t, in)
		time.Sleep(stuckAfter - time.Millisecond)
		if err := q.Check(time.Now()); err != nil {
			t.Errorf("too early: %v", err)
		}
		time.Sleep(time.Millisecond)
		if err := q.Check(time.Now()); err == nil || !strings.Contains(err.Error(), "query q has taken nothing for 10s while 1 batches wait") {
			t.Errorf("err = %v, want it to say that the query is stuck", err)
		}
		s.answer <- nil
		synctest.Wait()
		if err := q.Check(time.Now()); err != nil {
			t.Errorf("it goes on: %v", err)
		}
		s.answer <- sink.Permanent(errors.New("no such stream"))
		if err := <-done; err == nil {
			t.Fatal("the query must end")
		}
		if err := q.Check(time.Now()); err == nil || !strings.Contains(err.Error(), "no such stream") {
			t.Errorf("err = %v, want what ended the query", err)
		}
	})
}
