// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package failure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

var schema = &event.Schema{Stream: "S", Columns: []event.Column{{Name: "s", Type: event.Symbol}, {Name: "p", Type: event.Float}}}

func rows(names *event.Symbols, n int) *event.Batch {
	b := event.NewBatch(schema, n)
	for i := range n {
		r := b.Append()
		id, _ := names.Intern(fmt.Sprint("E", i))
		r.SetTime(int64(i))
		r.SetSymbol(0, id)
		r.SetFloat(1, float64(i))
	}
	return b
}

func open(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var errBad = errors.New("bad row")

func TestEveryFailedEventEndsWhereTheStrategySays(t *testing.T) {
	broken := errors.New("the stream is closed")
	for name, c := range map[string]struct {
		strategy string
		publish  error
		logs     int
		letters  int
		stored   int64
		metrics  map[string]float64
	}{
		"log": {strategy: "log", logs: 1, metrics: map[string]float64{
			"eventflux.stream.on_error.actions log S": 3, "eventflux.error.handled permanent drop S": 1,
		}},
		"drop": {strategy: "drop", metrics: map[string]float64{
			"eventflux.stream.on_error.actions drop S": 3, "eventflux.error.handled permanent drop S": 1,
		}},
		"stream": {strategy: "stream", logs: 1, letters: 3, metrics: map[string]float64{
			"eventflux.stream.on_error.actions stream S": 3, "eventflux.dlq.events S_DLQ success S": 3, "eventflux.error.handled permanent dlq S": 1,
		}},
		"stream that is closed": {strategy: "stream", publish: broken, logs: 1, metrics: map[string]float64{
			"eventflux.stream.on_error.actions log S": 3, "eventflux.dlq.events S_DLQ failure S": 3, "eventflux.dlq.fallbacks log S": 3,
			"eventflux.error.handled permanent drop S": 1,
		}},
		"store": {strategy: "store", logs: 1, stored: 3, metrics: map[string]float64{
			"eventflux.stream.on_error.actions store S": 3, "eventflux.error_store.events S": 3, "eventflux.error.handled permanent dlq S": 1,
		}},
		"retry what cannot be retried": {strategy: "retry-then-drop", metrics: map[string]float64{
			"eventflux.stream.on_error.actions drop S": 3, "eventflux.error.handled permanent drop S": 1,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			app, recorder := enginetest.Start(t)
			db := open(t, filepath.Join(t.TempDir(), "errors.db"))
			store, err := OpenStore(db, schema.Stream, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			read := func() map[string]float64 { return recorder.Read(t) }
			var out bytes.Buffer
			var letters []junction.Message
			names := &event.Symbols{}
			h, err := New(app, Config{
				Stream: schema, Names: names, Logger: slog.New(slog.NewJSONHandler(&out, nil)), Strategy: c.strategy, Store: store,
				Publish: func(_ context.Context, m junction.Message) error {
					if c.publish == nil {
						letters = append(letters, m)
					}
					return c.publish
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			in := rows(names, 3)
			if err := h.Handle(context.Background(), telemetry.Batch{}, in, "expression", errBad, nil); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), "\n"); got != c.logs || got > 0 && !strings.Contains(out.String(), "bad row") {
				t.Errorf("%d records: %s", got, out.String())
			}
			n := 0
			for _, m := range letters {
				for i := range m.Batch.Len() {
					r, want := m.Batch.Row(i), in.Row(n)
					n++
					if m.Batch.Schema.Stream != "S_DLQ" || r.Time() != want.Time() || r.Symbol(0) != want.Symbol(0) || r.Float(1) != want.Float(1) || names.Name(r.Symbol(2)) != "expression" {
						t.Errorf("dead letter %v of %v", r, want)
					}
				}
			}
			if n != c.letters || store.Len() != c.stored {
				t.Errorf("%d dead letters, %d stored", n, store.Len())
			}
			got := read()
			for name, want := range c.metrics {
				check(t, got, name, want)
			}
		})
	}
}

func check(t *testing.T, got map[string]float64, name string, want float64) {
	t.Helper()
	words := strings.Fields(name)
	for k, v := range got {
		have := strings.Fields(k)
		if len(have) != len(words) || have[0] != words[0] {
			continue
		}
		same := true
		for _, w := range words {
			same = same && strings.Count(" "+k+" ", " "+w+" ") == strings.Count(" "+name+" ", " "+w+" ")
		}
		if same {
			if v != want {
				t.Errorf("%s = %v, want %v", name, v, want)
			}
			return
		}
	}
	t.Errorf("there is no %s", name)
}

func TestTryingAgainComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := &event.Symbols{}
		h, err := New(nil, Config{Stream: schema, Names: names, Logger: slog.New(slog.DiscardHandler), Strategy: "retry-then-drop"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			fails int // attempts
			err   error
			calls int
			took  time.Duration
		}{
			{0, errBad, 1, 50 * time.Millisecond},
			{2, errBad, 3, 350 * time.Millisecond},
			{9, errBad, 5, 1550 * time.Millisecond},
			{9, sink.Permanent(errBad), 0, 0},
		} {
			calls, begin := 0, time.Now()
			again := func(context.Context) error {
				if calls++; calls > c.fails {
					return nil
				}
				return errBad
			}
			if err := h.Handle(context.Background(), telemetry.Batch{}, rows(names, 1), "x", c.err, again); err != nil || calls != c.calls || time.Since(begin) != c.took {
				t.Errorf("%+v: %v after %d calls and %s", c, err, calls, time.Since(begin))
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 120*time.Millisecond)
		defer cancel()
		err = h.Handle(ctx, telemetry.Batch{}, rows(names, 1), "x", errBad, func(context.Context) error { return errBad })
		if !errors.Is(err, errBad) || ctx.Err() == nil {
			t.Errorf("err = %v, want to keep the rows at the end", err)
		}
	})
}

func TestAStormOfFailuresIsLoggedOncePerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		names := &event.Symbols{}
		h, err := New(nil, Config{Stream: schema, Names: names, Logger: slog.New(slog.NewJSONHandler(&out, nil)), Strategy: "log"})
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 { // 2.5 s
			if err := h.Handle(context.Background(), telemetry.Batch{}, rows(names, 2), "x", errBad, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Microsecond)
		}
		if n := strings.Count(out.String(), "\n"); n != 3 || !strings.Contains(out.String(), `"event.count":800`) {
			t.Errorf("%d records: %s", n, out.String())
		}
	})
}

func TestADeadLetterStreamTakesItsOwnColumnsOnly(t *testing.T) {
	names := &event.Symbols{}
	var out bytes.Buffer
	h, err := New(nil, Config{
		Stream: schema, Names: names, Logger: slog.New(slog.NewJSONHandler(&out, nil)), Strategy: "stream",
		Publish: func(context.Context, junction.Message) error { t.Error("published"); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	other := &event.Schema{Stream: "T", Columns: []event.Column{{Name: "x", Type: event.Int}}}
	b := event.NewBatch(other, 1)
	b.Append()
	if err := h.Handle(context.Background(), telemetry.Batch{}, b, "x", errBad, nil); err != nil || !strings.Contains(out.String(), "other columns") {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestAStrategyThatCannotBeIsRefused(t *testing.T) {
	for _, strategy := range []string{"", "ignore", "retry", "retry-then-", "stream", "store", "retry-then-store"} {
		if _, err := New(nil, Config{Stream: schema, Strategy: strategy}); err == nil {
			t.Errorf("%q was taken", strategy)
		}
	}
}

func TestTheStoreKeepsTheNewestOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "errors.db")
	db := open(t, path)
	app, recorder := enginetest.Start(t)
	s, err := OpenStore(db, "S", 3, app)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := s.Add(fmt.Appendf(nil, `%d`, i)); err != nil {
			t.Fatal(err)
		}
	}
	list := func() string {
		events, err := s.List(10)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s", events)
	}
	if got := list(); got != "[2 3 4]" || s.Len() != 3 {
		t.Errorf("%s: %d", got, s.Len())
	}
	check(t, recorder.Read(t), "eventflux.stream.events.dropped limit S", 2)
	if events, err := s.List(1); err != nil || len(events) != 1 || string(events[0]) != "2" {
		t.Errorf("%s, %v", events, err)
	}
	other, err := OpenStore(db, "T", 3, nil)
	if err != nil || other.Len() != 0 {
		t.Errorf("the store of another stream has %d, %v", other.Len(), err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Add([]byte("5")); err == nil || !strings.Contains(err.Error(), path) && !strings.Contains(err.Error(), "database not open") {
		t.Errorf("err = %v", err)
	}
	if s, err = OpenStore(open(t, path), "S", 2, app); err != nil || list() != "[3 4]" {
		t.Errorf("after a restart %s, %v", list(), err)
	}
	if err := s.Add([]byte("6"), []byte("7"), []byte("8")); err != nil || list() != "[7 8]" {
		t.Errorf("%v: %s", err, list())
	}
	check(t, recorder.Read(t), "eventflux.stream.events.dropped limit S", 6) // one of them gave way to a lower limit
}

func TestTheStoreSaysWhatFailedAndWhyConcurrentSafe(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "errors.db"))
	store, err := OpenStore(db, "S", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := &event.Symbols{}
	h, err := New(nil, Config{Stream: schema, Names: names, Logger: slog.New(slog.DiscardHandler), Strategy: "store", Store: store})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if err := h.Handle(context.Background(), telemetry.Batch{}, rows(names, 2), "expression", errBad, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	events, err := store.List(1000)
	if err != nil || len(events) != 40 || store.Len() != 40 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	var got struct {
		Failed      time.Time
		Type, Error string
		Event       struct {
			S string
			P float64
		}
	}
	if err := json.Unmarshal(events[39], &got); err != nil || got.Type != "expression" || got.Error != "bad row" || got.Event.S != "E1" || got.Event.P != 1 || got.Failed.IsZero() {
		t.Errorf("%s: %v", events[39], err)
	}
}
