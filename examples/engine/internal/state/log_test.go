// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

func openLog(t testing.TB, dir string, s *event.Schema, names *event.Symbols, limit int64) *Log {
	t.Helper()
	l, err := OpenLog(dir, s, names, LogConfig{Part: "log", Source: "http", Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// drain runs l until everything was published.
func drain(t testing.TB, l *Log, c *Coordinator) (got []junction.Message) {
	t.Helper()
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	err := l.Run(context.Background(), stop, func(_ context.Context, m junction.Message) error {
		got = append(got, m)
		return nil
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func idle() *Coordinator { return New(nil, nil, &event.Symbols{}, nil) }

func TestAMessageKeepsItsTraceItsEndAndItsRows(t *testing.T) {
	var names, fresh event.Symbols
	dir := t.TempDir()
	l := openLog(t, dir, trades, &names, 0)
	ctx := propagate.ExtractMap(context.Background(), map[string]string{
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b", "baggage": "k=v",
	})
	m := message(&names, "x", 1)
	m.Ctx = ctx
	for _, m := range []junction.Message{m, {Ctx: context.Background(), End: true}} {
		if err := l.Take(context.Background(), m, "", 0); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.Close()
	_, _ = fresh.Intern("another id for x")
	got := drain(t, openLog(t, dir, trades, &fresh, 0), idle())
	if len(got) != 2 || got[0].Batch.Len() != 2 || got[0].End || got[0].Source != "http" || got[0].ReadEnd.IsZero() {
		t.Fatalf("got %+v", got)
	}
	headers := map[string]string{}
	propagate.InjectMap(got[0].Ctx, headers)
	if !trace.SpanContextFromContext(got[0].Ctx).IsSampled() || headers["tracestate"] != "a=b" || headers["baggage"] != "k=v" {
		t.Errorf("headers %v", headers)
	}
	if r := got[0].Batch.Row(1); fresh.Name(r.Symbol(0)) != "x" || r.Int(1) != 3 {
		t.Errorf("row %v", r)
	}
	if !got[1].End || got[1].Batch.Len() != 0 || trace.SpanContextFromContext(got[1].Ctx).IsValid() {
		t.Errorf("got %+v", got[1])
	}
}

func TestARepeatedMessageIsAcknowledgedOnceTakenAlsoAfterARestart(t *testing.T) {
	var names event.Symbols
	dir, ctx := t.TempDir(), context.Background()
	l := openLog(t, dir, trades, &names, 0)
	take := func(from string, seq uint64) {
		t.Helper()
		if err := l.Take(ctx, message(&names, from, seq), from, seq); err != nil {
			t.Fatal(err)
		}
	}
	for _, seq := range []uint64{1, 2, 2, 1, 3} {
		take("a", seq)
		take("b", seq)
		take("", seq) // nobody knows whether these are repeated
	}
	if l.Duplicates() != 4 {
		t.Errorf("%d duplicates", l.Duplicates())
	}
	if n := len(drain(t, l, idle())); n != 11 {
		t.Errorf("%d messages, want 11", n)
	}
	if err := l.Truncate(99); err != nil || l.bytes.Load() != 0 {
		t.Fatal(err, l.bytes.Load())
	}
	_ = l.Close()
	l = openLog(t, dir, trades, &names, 0) // the entries are gone, what is known stays
	take("a", 3)
	take("b", 4)
	if got := drain(t, l, idle()); l.Duplicates() != 1 || len(got) != 1 || names.Name(got[0].Batch.Row(0).Symbol(0)) != "b" {
		t.Errorf("%d duplicates, got %v", l.Duplicates(), got)
	}
}

func TestTheSenderThatWasSilentLongestIsForgotten(t *testing.T) {
	l := openLog(t, t.TempDir(), trades, &event.Symbols{}, 0)
	err := l.db.Update(func(tx *bbolt.Tx) error {
		known := tx.Bucket(senderBucket)
		for i := range uint64(maxSenders + 10) {
			if _, err := repeats(known, fmt.Sprint("s", i), 1, i); err != nil {
				return err
			}
			if _, err := repeats(known, "s0", i+2, i); err != nil { // never silent
				return err
			}
		}
		for name, want := range map[string]bool{"s0": true, "s1": false, "s10": false, "s11": true, "s1033": true} {
			if got := known.Get([]byte(name)) != nil; got != want {
				t.Errorf("%s is known: %v", name, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFullLogMakesItsSendersWaitForACheckpoint(t *testing.T) {
	var names event.Symbols
	dir := t.TempDir()
	p, err := openPipeline(dir, LogConfig{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ctx, taken := context.Background(), uint64(0)
	for p.log.bytes.Load()+int64(len(p.log.encode(message(&names, "a", 1)))) <= 200 {
		taken++
		if err := p.log.Take(ctx, message(&names, "a", taken), "a", taken); err != nil {
			t.Fatal(err)
		}
	}
	over, cancelTake := context.WithCancel(ctx)
	cancelTake()
	err = p.log.Take(over, message(&names, "a", taken+1), "a", taken+1)
	if taken < 2 || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "of 200 bytes") {
		t.Fatalf("%d messages fit, then %v", taken, err)
	}
	run, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = p.log.Run(run, run, p.publish, p.c) })
	done := make(chan error)
	go func() { done <- p.log.Take(ctx, message(&names, "a", taken+1), "a", taken+1) }()
	for open := true; open; { // the first one makes room only with the second, which replaces the one before it
		p.c.Begin(start)
		select {
		case err := <-done:
			open = false
			if err != nil {
				t.Error(err)
			}
		default:
		}
	}
	cancel()
	running.Wait()
}

func TestAnIdleLogSendsBarriersAndStopsOnceAllIsPublished(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p, err := openPipeline(dir, LogConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		stop, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- p.log.Run(context.Background(), stop, p.publish, p.c) }()
		synctest.Wait()
		id, ok := p.c.Begin(time.Now())
		synctest.Wait()
		if got, _, _ := p.store.Latest(); !ok || got.ID != id {
			t.Errorf("checkpoint %d, want %d", got.ID, id)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestALogThatLostEntriesIsRefused(t *testing.T) {
	var names event.Symbols
	l := openLog(t, t.TempDir(), trades, &names, 0)
	for seq := range uint64(5) {
		if err := l.Take(context.Background(), message(&names, "a", seq+1), "a", seq+1); err != nil {
			t.Fatal(err)
		}
	}
	drain(t, l, idle())
	if err := l.Truncate(4); err != nil {
		t.Fatal(err)
	}
	for _, at := range []uint64{3, 7} {
		err := l.UnmarshalBinary(key(at))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("from entry 4 to 6, not on from %d", at)) {
			t.Errorf("err = %v", err)
		}
	}
	for _, at := range []uint64{4, 6} {
		if err := l.UnmarshalBinary(key(at)); err != nil {
			t.Error(err)
		}
	}
	if err := l.UnmarshalBinary(nil); err == nil {
		t.Error("no position must be refused")
	}
}

// A crash in the middle of a write tears what it wrote; nobody was told that it is taken.
func TestATornLastEntryIsForgottenAndItsNumberTakenAgain(t *testing.T) {
	var names event.Symbols
	dir, ctx := t.TempDir(), context.Background()
	path := filepath.Join(dir, "log.db")
	l := openLog(t, dir, trades, &names, 0)
	var before []byte
	for n := range uint64(4) {
		before, _ = os.ReadFile(path)
		if err := l.Take(ctx, message(&names, "a", n+1), "a", n+1); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := os.ReadFile(path)
	header := 2 * os.Getpagesize() // its pages are written last, the older one is the rescue if the other is torn
	half := slices.Concat(before[:header], after[header:header+(len(after)-header)/2])
	if len(before) > len(half) {
		half = append(half, before[len(half):]...)
	}
	torn := slices.Clone(after)
	page, at := torn[os.Getpagesize():], 64 // where a header has the number of its transaction
	if binary.LittleEndian.Uint64(torn[at:]) > binary.LittleEndian.Uint64(page[at:]) {
		page = torn
	}
	for i := range 100 {
		page[i] = 0xff
	}
	for name, data := range map[string][]byte{"entry": half, "header": torn} {
		crashed := t.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, "log.db"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, crashed, trades, &names, 0)
		for n := range uint64(4) { // the sender repeats all
			if err := l.Take(ctx, message(&names, "a", n+1), "a", n+1); err != nil {
				t.Fatal(name, err)
			}
		}
		if got := drain(t, l, idle()); len(got) != 4 || l.Duplicates() != 3 || got[3].Batch.Row(0).Time() != 4 {
			t.Errorf("torn %s: %d messages, %d duplicates", name, len(got), l.Duplicates())
		}
	}
}

func TestALogOfAnotherSchemaIsRefusedWithItsEntry(t *testing.T) {
	var names event.Symbols
	dir := t.TempDir()
	l := openLog(t, dir, trades, &names, 0)
	_ = l.Take(context.Background(), message(&names, "a", 1), "a", 1)
	_ = l.Close()
	other := &event.Schema{Stream: "Trades", Columns: trades.Columns[:2]}
	l = openLog(t, dir, other, &names, 0)
	err := l.Run(context.Background(), context.Background(), nil, idle())
	if err == nil || !strings.Contains(err.Error(), "entry 1") || !strings.Contains(err.Error(), `"total" int`) {
		t.Errorf("err = %v", err)
	}
}

func TestManySendersShareSyncsConcurrentSafe(t *testing.T) {
	var names event.Symbols
	l := openLog(t, t.TempDir(), trades, &names, 0)
	var senders sync.WaitGroup
	const each = 20
	before := l.db.Stats().TxStats
	for i := range 32 {
		senders.Go(func() {
			from := fmt.Sprint("s", i)
			for seq := uint64(1); seq <= each; seq++ {
				if err := l.Take(context.Background(), message(&names, from, seq), from, seq); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop, cancel := context.WithCancel(context.Background())
	next, published := map[event.ID]int64{}, 0
	var running sync.WaitGroup
	running.Go(func() {
		err := l.Run(context.Background(), stop, func(_ context.Context, m junction.Message) error {
			r := m.Batch.Row(0)
			if want := max(next[r.Symbol(0)], 2); r.Int(1) != want {
				t.Errorf("%s: row %d, want %d", names.Name(r.Symbol(0)), r.Int(1), want)
			}
			next[r.Symbol(0)] = r.Int(1) + 2
			published++
			return nil
		}, idle())
		if err != nil {
			t.Error(err)
		}
	})
	senders.Wait()
	cancel()
	running.Wait()
	if drain(t, l, idle()); published != 32*each {
		t.Errorf("%d messages published", published)
	}
	after := l.db.Stats().TxStats
	if writes := after.GetWrite() - before.GetWrite(); writes > 32*each*4/2 {
		t.Errorf("%d page writes for %d messages: senders share no sync", writes, 32*each)
	}
}

func TestAClosedLogTakesNothing(t *testing.T) {
	var names event.Symbols
	l := openLog(t, t.TempDir(), trades, &names, 0)
	_ = l.Close()
	if err := l.Take(context.Background(), message(&names, "a", 1), "a", 1); err == nil {
		t.Error("it must fail")
	}
	if err := l.Run(context.Background(), context.Background(), nil, idle()); err == nil {
		t.Error("it must fail")
	}
}

// batch64 is what the demo sends.
func batch64(names *event.Symbols) junction.Message {
	b := event.NewBatch(trades, 64)
	for i := range 64 {
		r := b.Append()
		id, _ := names.Intern(fmt.Sprint("SYM", i%20))
		r.SetTime(1.7e18 + int64(i)*1e3)
		r.SetSymbol(0, id)
		r.SetInt(1, int64(i))
		r.SetInt(2, int64(i)*100)
	}
	return junction.Message{Ctx: context.Background(), Batch: b}
}

func BenchmarkTake64(b *testing.B) {
	for _, senders := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			var names event.Symbols
			l := openLog(b, b.TempDir(), trades, &names, 1<<40)
			m := batch64(&names)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var all sync.WaitGroup
			for range senders {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := l.Take(context.Background(), m, "", 0); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func BenchmarkRead64(b *testing.B) {
	var names event.Symbols
	l := openLog(b, b.TempDir(), trades, &names, 1<<40)
	m := batch64(&names)
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() { _ = l.Take(context.Background(), m, "", 0) })
	}
	all.Wait()
	n := 0
	for b.Loop() {
		got, err := l.read()
		if err != nil || len(got) == 0 {
			b.Fatal(err)
		}
		n += len(got)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/message")
}
