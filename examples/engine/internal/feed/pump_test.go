// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/source"
)

var schema = &event.Schema{Stream: "S", Columns: []event.Column{{Name: "v", Type: event.Float}}}

// drained runs a pump and returns the values that came through, and -id for a barrier.
func drained(t *testing.T, cfg Config, position []byte) (got []float64, p *Pump) {
	t.Helper()
	g, err := source.NewGenerator(schema, &event.Symbols{}, []string{"A"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Reader, cfg.Kind, cfg.Into = g, "generator", junction.New(nil, schema, junction.Policy{})
	q := cfg.Into.Subscribe(1024)
	p = New(cfg)
	if position != nil {
		if err := p.Resume(position); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(context.Background(), context.Background()); err != nil {
		t.Fatal(err)
	}
	ended := false
	for {
		m, state := q.TryTake(time.Time{})
		if state != junction.Taken {
			break
		}
		ended = m.End
		if m.Barrier != 0 {
			got = append(got, -float64(m.Barrier))
		}
		for i := range m.Batch.Len() {
			got = append(got, m.Batch.Row(i).Float(0))
		}
	}
	if !ended {
		t.Error("the stream has no end")
	}
	return got, p
}

func TestAPumpResumesBehindItsBarrier(t *testing.T) {
	whole, _ := drained(t, Config{Batch: 4, Limit: 30}, nil)
	if len(whole) != 30 {
		t.Fatalf("%d events, want 30", len(whole))
	}
	var position []byte
	asked := 0
	first, _ := drained(t, Config{
		Batch: 4, Limit: 30,
		Barrier: func() (uint64, bool) { asked++; return 9, asked == 4 },
		Report: func(id uint64, at []byte) {
			if id != 9 {
				t.Errorf("barrier %d is reported", id)
			}
			position = at
		},
	}, nil)
	at := slices.Index(first, -9)
	if at != 12 || !slices.Equal(slices.Concat(first[:at], first[at+1:]), whole) {
		t.Fatalf("the barrier is at %d of %v", at, first)
	}
	rest, p := drained(t, Config{Batch: 4, Limit: 30}, position)
	if !slices.Equal(rest, whole[at:]) || p.Read() != 18 {
		t.Errorf("after the barrier came %v, want %v", rest, whole[at:])
	}
	none, _ := drained(t, Config{Batch: 4, Limit: 10}, position)
	if len(none) != 0 {
		t.Errorf("%d events beyond the limit", len(none))
	}
}

func TestAnIdlePumpStillSendsBarriers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := uint64(0)
		begin, longest, last := time.Now(), time.Duration(0), time.Now()
		got, _ := drained(t, Config{
			Batch: 64, Rate: 0.2, Duration: 9 * time.Second,
			Barrier: func() (uint64, bool) {
				longest, last = max(longest, time.Since(last)), time.Now()
				id++
				return id, true
			},
			Report: func(uint64, []byte) {},
		}, nil)
		if longest > 100*time.Millisecond || len(got) < 80 || time.Since(begin) != 9*time.Second {
			t.Errorf("%d barriers in %s, %s apart at most", len(got), time.Since(begin), longest)
		}
	})
}

func TestOnlyPositionsAreResumed(t *testing.T) {
	for _, position := range [][]byte{{}, {1}, {0x80}, {1, 0x80}} {
		if err := New(Config{Kind: "csv"}).Resume(position); err == nil {
			t.Errorf("%x was resumed", position)
		}
	}
}

// broken is a reader that fails.
type broken struct{ source.Reader }

var errBroken = errors.New("the disk is gone")

func (broken) Read(*event.Batch, int, int64) error { return errBroken }
func (broken) Progress() source.Progress           { return source.Progress{} }

func TestAReaderThatFailsEndsThePump(t *testing.T) {
	into := junction.New(nil, schema, junction.Policy{})
	p := New(Config{Reader: broken{}, Kind: "csv", Into: into, Batch: 1})
	if err := p.Run(context.Background(), context.Background()); !errors.Is(err, errBroken) {
		t.Errorf("err = %v", err)
	}
	if _, err := into.Publish(context.Background(), junction.Message{}); err != nil && !errors.Is(err, junction.ErrClosed) {
		t.Error(err)
	}
}
