// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var stock = &event.Schema{Stream: "StockStream", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol}, {Name: "price", Type: event.Float}, {Name: "volume", Type: event.Int},
}}

type trade struct {
	at     int64
	symbol event.ID
	price  float64
	volume int64
}

// trades are three minutes and a half from before 1970 on, some of them late by up to a minute and a half.
func trades(n int) []trade {
	rng := rand.New(rand.NewPCG(5, 6))
	out := make([]trade, n)
	for i := range out {
		at := int64(i)*210e9/int64(n) - 100e9
		if rng.IntN(5) == 0 {
			at -= rng.Int64N(90e9)
		}
		out[i] = trade{at, event.ID(rng.IntN(3)), float64(rng.IntN(100)) / 4, rng.Int64N(9) - 4}
	}
	return out
}

func batchOf(ts ...trade) *event.Batch {
	b := event.NewBatch(stock, len(ts))
	for _, t := range ts {
		r := b.Append()
		r.SetTime(t.at)
		r.SetSymbol(0, t.symbol)
		r.SetFloat(1, t.price)
		r.SetInt(2, t.volume)
	}
	return b
}

func config(group string, levels ...Level) Config {
	return Config{Name: "TradeAgg", In: stock, Values: []string{"price", "volume"}, Group: group, Levels: levels}
}

func build(t *testing.T, cfg Config) *Rollup {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	seconds, minutes = Level{time.Second, 24 * time.Hour}, Level{time.Minute, 24 * time.Hour}
	hours            = Level{time.Hour, 24 * time.Hour}
	ever             = [2]int64{math.MinInt64, math.MaxInt64}
)

// answer is a row of Find in Go's own types.
type answer struct {
	at    int64
	group event.ID
	count int64
	price [3]float64 // sum, min, max
	vol   [3]float64
}

func find(t *testing.T, r *Rollup, every time.Duration, from, to int64, groups ...event.ID) []answer {
	t.Helper()
	b, err := r.Find(every, from, to, groups...)
	if err != nil {
		t.Fatal(err)
	}
	var out []answer
	for i := range b.Len() {
		row := b.Row(i)
		a := answer{at: row.Time(), count: row.Int(0)}
		for c := range 3 {
			a.price[c], a.vol[c] = row.Float(1+c), row.Float(4+c)
		}
		if at, ok := b.Schema.Index("symbol"); ok {
			a.group = row.Symbol(at)
		}
		out = append(out, a)
	}
	return out
}

// recompute adds all events up anew.
func recompute(ts []trade, every time.Duration, grouped bool) []answer {
	var out []answer
	for _, e := range ts {
		a := answer{
			at: int64(math.Floor(float64(e.at)/float64(every))) * int64(every), group: e.symbol, count: 1,
			price: [3]float64{e.price, e.price, e.price}, vol: [3]float64{float64(e.volume), float64(e.volume), float64(e.volume)},
		}
		if !grouped {
			a.group = 0
		}
		i := slices.IndexFunc(out, func(o answer) bool { return o.at == a.at && o.group == a.group })
		if i < 0 {
			out = append(out, a)
			continue
		}
		o := &out[i]
		o.count++
		for to, from := range map[*[3]float64][3]float64{&o.price: a.price, &o.vol: a.vol} {
			to[0], to[1], to[2] = to[0]+from[0], min(to[1], from[1]), max(to[2], from[2])
		}
	}
	slices.SortFunc(out, func(a, b answer) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.group, b.group)) })
	return out
}

func TestEveryLevelAgreesWithARecomputation(t *testing.T) {
	for _, group := range []string{"", "symbol"} {
		r, all := build(t, config(group, seconds, minutes, hours)), trades(1500)
		for n := 0; n < len(all); n += 50 {
			if errs := r.Update(batchOf(all[n : n+50]...)); len(errs) > 0 {
				t.Fatal(errs)
			}
			for _, l := range r.Levels { // at any time, so with buckets that are still open
				got, want := find(t, r, l.Every, ever[0], ever[1]), recompute(all[:n+50], l.Every, group != "")
				if !slices.Equal(got, want) {
					t.Fatalf("per %s after %d events: got %v, want %v", l.Every, n+50, got, want)
				}
			}
		}
		from, to := int64(-60e9), int64(60e9)
		want := slices.DeleteFunc(recompute(all, time.Minute, group != ""), func(a answer) bool {
			return a.at < from || a.at >= to || group != "" && a.group == 2
		})
		var groups []event.ID
		if group != "" {
			groups = []event.ID{0, 1}
		}
		if got := find(t, r, time.Minute, from, to, groups...); !slices.Equal(got, want) || len(want) < 2 {
			t.Errorf("a range gave %v, want %v", got, want)
		}
	}
}

func TestOldBucketsArePurgedAndTheLateStillReachLongerOnes(t *testing.T) {
	r := build(t, config("", Level{time.Second, 8 * time.Second}, Level{time.Minute, 2 * time.Minute}))
	for s := range int64(100) {
		if errs := r.Update(batchOf(trade{at: s * 1e9, price: 1})); len(errs) > 0 {
			t.Fatal(errs)
		}
		kept := find(t, r, time.Second, ever[0], ever[1])
		if n := int64(len(kept)); n < min(s+1, 9) || n > 11 || kept[0].at < (s-9)*1e9 {
			t.Fatalf("%d seconds are kept after %d, from %d", n, s+1, kept[0].at)
		}
	}
	if errs := r.Update(batchOf(trade{at: 59e9, price: 5})); len(errs) > 0 {
		t.Error(errs)
	}
	got := find(t, r, time.Minute, ever[0], ever[1])
	if len(got) != 2 || got[0].count != 61 || got[0].price != [3]float64{65, 1, 5} || got[1].count != 40 {
		t.Errorf("per minute: %v", got)
	}
	if first := find(t, r, time.Second, ever[0], ever[1])[0]; first.at < 90e9 {
		t.Errorf("a purged second is back: %v", first)
	}
	errs := r.Update(batchOf(trade{at: 500e9}, trade{at: 59e9}, trade{at: 500e9}))
	if len(errs) != 1 || !strings.Contains(errs[1].Error(), "older than everything") {
		t.Errorf("errs = %v", errs)
	}
	if n := r.rows.Load(); n != 1 || r.Bytes() <= 0 {
		t.Errorf("%d rows are counted, want the open second: the minutes are purged", n)
	}
}

func TestAFullAggregationTakesKnownGroupsOnly(t *testing.T) {
	cfg := config("symbol", seconds)
	cfg.MaxRows = 2
	r := build(t, cfg)
	errs := r.Update(batchOf(trade{symbol: 1}, trade{symbol: 2}, trade{symbol: 3}, trade{symbol: 1}))
	if len(errs) != 1 || !strings.Contains(errs[2].Error(), "TradeAgg: it has 2 rows; keep less or raise max_rows") {
		t.Errorf("errs = %v", errs)
	}
	if got := find(t, r, time.Second, ever[0], ever[1]); len(got) != 2 || got[0].count != 2 {
		t.Errorf("got %v", got)
	}
}

func TestASnapshotGoesOnWhereItWasTaken(t *testing.T) {
	cfg := config("symbol", Level{time.Second, 20 * time.Second}, Level{time.Minute, 2 * time.Minute}, hours)
	all, whole := trades(900), build(t, cfg)
	whole.Update(batchOf(all...))
	for _, half := range []int{0, 1, 437, 900} {
		first := build(t, cfg)
		first.Update(batchOf(all[:half]...))
		data, err := first.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		second := build(t, cfg)
		if err := second.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		second.Update(batchOf(all[half:]...))
		for _, l := range cfg.Levels {
			got, want := find(t, second, l.Every, ever[0], ever[1]), find(t, whole, l.Every, ever[0], ever[1])
			if !slices.Equal(got, want) || len(want) == 0 {
				t.Fatalf("half %d, per %s: got %v, want %v", half, l.Every, got, want)
			}
		}
		if second.rows.Load() != whole.rows.Load() {
			t.Errorf("half %d: %d rows are counted, want %d", half, second.rows.Load(), whole.rows.Load())
		}
	}
	data, _ := whole.MarshalBinary()
	for _, other := range []Config{config("symbol", seconds, minutes), config("", cfg.Levels...)} {
		if err := build(t, other).UnmarshalBinary(data); err == nil || !strings.Contains(err.Error(), "declared otherwise") {
			t.Errorf("err = %v", err)
		}
	}
	if err := build(t, cfg).UnmarshalBinary([]byte("x")); err == nil {
		t.Error("garbage must be refused")
	}
}

func TestMistakesAreNamed(t *testing.T) {
	change := func(f func(*Config)) error {
		cfg := config("symbol", seconds, minutes)
		f(&cfg)
		_, err := New(cfg)
		return err
	}
	_, query := build(t, config("", seconds)).Find(time.Minute, ever[0], ever[1])
	tests := map[string]error{
		`aggregation TradeAgg: value "prise" is no column of numbers of StockStream`: change(func(c *Config) { c.Values[0] = "prise" }),
		`value "symbol" is no column of numbers`:                                     change(func(c *Config) { c.Values[0] = "symbol" }),
		`group "price" is no column of texts`:                                        change(func(c *Config) { c.Group = "price" }),
		`level 1s, kept for 24h0m0s; want`:                                           change(func(c *Config) { c.Levels = []Level{minutes, seconds} }),
		`level 2s, kept for 1m0s; want`:                                              change(func(c *Config) { c.Levels = []Level{{2 * time.Second, time.Minute}} }),
		`level 1m0s, kept for 1s; want`:                                              change(func(c *Config) { c.Levels = []Level{{time.Minute, time.Second}} }),
		`it has no levels`:                                                           change(func(c *Config) { c.Levels = nil }),
		`could not read aggregation TradeAgg: it has no buckets of 1m0s`:             query,
	}
	for want, err := range tests {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want it to say %q", err, want)
		}
	}
}

func TestRollupConcurrentSafe(t *testing.T) {
	r, all := build(t, config("", seconds, minutes)), trades(2000)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for last := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				total := int64(0)
				for _, a := range find(t, r, time.Minute, ever[0], ever[1]) {
					total += a.count
				}
				if total < last || total%20 != 0 {
					t.Errorf("%d events after %d, in batches of 20", total, last)
					return
				}
				last = total
				_, _ = r.MarshalBinary()
			}
		})
	}
	for chunk := range slices.Chunk(all, 20) {
		r.Update(batchOf(chunk...))
	}
	close(done)
	readers.Wait()
}

func BenchmarkUpdate(b *testing.B) {
	cfg := config("symbol", Level{time.Second, time.Hour}, minutes)
	r, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	batch := batchOf(trades(64)...)
	at := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch.Len() {
			at += 1e6
			batch.Row(i).SetTime(at)
		}
		r.Update(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64), "ns/event")
}
