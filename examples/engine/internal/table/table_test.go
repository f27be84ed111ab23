// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var prices = &event.Schema{Stream: "Prices", Columns: []event.Column{
	{Name: "price", Type: event.Float}, {Name: "symbol", Type: event.Symbol}, {Name: "sector", Type: event.Symbol}, {Name: "rank", Type: event.Int},
}}

// plain is a row in Go's own types; the symbol is the key.
type plain struct {
	at     int64
	price  float64
	symbol string
	sector string
	rank   int64
}

func (p plain) row(t *testing.T, names *event.Symbols) event.Row {
	t.Helper()
	r := make(event.Row, 5)
	r.SetTime(p.at)
	r.SetFloat(0, p.price)
	r.SetSymbol(1, intern(t, names, p.symbol))
	r.SetSymbol(2, intern(t, names, p.sector))
	r.SetInt(3, p.rank)
	return r
}

func intern(t *testing.T, names *event.Symbols, text string) event.ID {
	t.Helper()
	id, err := names.Intern(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func plainOf(r event.Row, names *event.Symbols) plain {
	return plain{r.Time(), r.Float(0), names.Name(r.Symbol(1)), names.Name(r.Symbol(2)), r.Int(3)}
}

func open(t *testing.T, cfg Config) *Table {
	t.Helper()
	tbl, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tbl.Close() })
	return tbl
}

// kinds runs f for a table in memory and for a store whose cache is smaller than the table.
func kinds(t *testing.T, f func(t *testing.T, cfg Config)) {
	t.Helper()
	cfg := Config{Schema: prices, Key: "symbol", Indexes: []string{"sector", "rank"}, Cache: 7}
	for _, kind := range []string{"memory", "store"} {
		t.Run(kind, func(t *testing.T) {
			cfg := cfg
			cfg.Names = &event.Symbols{}
			if kind == "store" {
				cfg.File = filepath.Join(t.TempDir(), "prices.db")
			}
			f(t, cfg)
		})
	}
}

func TestTablesAgreeWithAMapOnRandomOperations(t *testing.T) {
	kinds(t, func(t *testing.T, cfg Config) {
		t.Helper()
		rng, want := rand.New(rand.NewPCG(3, 4)), map[string]plain{}
		tbl := open(t, cfg)
		for step := range 600 {
			symbol := "S" + strconv.Itoa(rng.IntN(40))
			var rows []event.Row
			for range 1 + rng.IntN(3) { // the last one of a key wins
				p := plain{int64(step), rng.Float64(), symbol, "sector" + strconv.Itoa(rng.IntN(4)), int64(rng.IntN(3) - 1)}
				rows, want[symbol] = append(rows, p.row(t, cfg.Names)), p
				symbol = "S" + strconv.Itoa(rng.IntN(40))
			}
			if err := tbl.Upsert(rows...); err != nil {
				t.Fatal(err)
			}
			clear(rows[0])                         // the table has copies
			if step%150 == 149 && cfg.File != "" { // another process has other numbers for the same texts
				if err := tbl.Close(); err != nil {
					t.Fatal(err)
				}
				cfg.Names = &event.Symbols{}
				intern(t, cfg.Names, "shift"+strconv.Itoa(step))
				tbl = open(t, cfg)
			}
			if step%10 == 9 {
				check(t, tbl, want)
			}
		}
	})
}

// find returns the row of key, nil if there is none.
func find(tbl *Table, key uint64) (row event.Row, err error) {
	tbl.Lookup(tbl.KeyColumn, []uint64{key}, func(_ int, r event.Row, e error) { row, err = r, e })
	return row, err
}

// check compares every way to read t with a map by symbol.
func check(t *testing.T, tbl *Table, want map[string]plain) {
	t.Helper()
	if tbl.Len() != int64(len(want)) {
		t.Fatalf("Len() = %d, want %d", tbl.Len(), len(want))
	}
	for i := range 45 {
		symbol := "S" + strconv.Itoa(i)
		for range 2 { // the second time from the cache
			row, err := find(tbl, uint64(intern(t, tbl.Names, symbol)))
			p, ok := want[symbol]
			if err != nil || ok != (row != nil) || ok && plainOf(row, tbl.Names) != p {
				t.Fatalf("Find(%s) = %v, %v; want %v", symbol, row, err, p)
			}
		}
	}
	collect := func(read func(func(event.Row) bool) error) map[string]plain {
		got := map[string]plain{}
		if err := read(func(r event.Row) bool {
			p := plainOf(r, tbl.Names)
			if _, twice := got[p.symbol]; twice {
				t.Fatalf("%s came twice", p.symbol)
			}
			got[p.symbol] = p
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := collect(tbl.Scan); !maps.Equal(got, want) {
		t.Fatalf("Scan gave %v, want %v", got, want)
	}
	where := func(column string, word uint64, is func(plain) bool) {
		t.Helper()
		some := maps.Clone(want)
		maps.DeleteFunc(some, func(_ string, p plain) bool { return !is(p) })
		c, ok := tbl.Searchable(column)
		if !ok {
			t.Fatalf("%s is not searchable", column)
		}
		got := collect(func(yield func(event.Row) bool) (err error) {
			tbl.Lookup(c, []uint64{word}, func(_ int, r event.Row, e error) {
				if err = errors.Join(err, e); r != nil {
					yield(r)
				}
			})
			return err
		})
		if !maps.Equal(got, some) {
			t.Fatalf("Lookup by %s gave %v, want %v", column, got, some)
		}
	}
	for i := range 5 {
		sector := "sector" + strconv.Itoa(i)
		where("sector", uint64(intern(t, tbl.Names, sector)), func(p plain) bool { return p.sector == sector })
		rank := int64(i - 2)
		where("rank", uint64(rank), func(p plain) bool { return p.rank == rank })
	}
	for _, p := range want {
		row := p.row(t, tbl.Names)
		where("symbol", row[2], func(o plain) bool { return o.symbol == p.symbol })
		break
	}
	indexed := 0
	for _, keys := range tbl.indexes {
		for word, set := range keys {
			if indexed += len(set); len(set) == 0 {
				t.Fatalf("an empty set stays for %d", word)
			}
		}
	}
	if indexed != len(tbl.indexes)*len(want) {
		t.Fatalf("%d keys in %d indexes of %d rows", indexed, len(tbl.indexes), len(want))
	}
}

func TestReadingStopsWhenAskedTo(t *testing.T) {
	kinds(t, func(t *testing.T, cfg Config) {
		t.Helper()
		tbl := open(t, cfg)
		for i := range 9 {
			if err := tbl.Upsert(plain{symbol: strconv.Itoa(i), sector: "x"}.row(t, cfg.Names)); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		two := func(event.Row) bool { n++; return n%2 != 0 }
		_ = tbl.Scan(two)
		if n != 2 {
			t.Errorf("%d rows came, want 2", n)
		}
	})
}

func TestAFullTableRefusesAllOfACallButUpdates(t *testing.T) {
	kinds(t, func(t *testing.T, cfg Config) {
		t.Helper()
		cfg.MaxRows = 3
		tbl, want := open(t, cfg), map[string]plain{}
		put := func(symbols ...string) error {
			var rows []event.Row
			for _, s := range symbols {
				rows = append(rows, plain{symbol: s, price: float64(len(symbols))}.row(t, cfg.Names))
			}
			return tbl.Upsert(rows...)
		}
		if err := put("S1", "S2", "S2", "S1", "S3"); err != nil { // three keys
			t.Fatal(err)
		}
		err := put("S1", "S4")
		if err == nil || !strings.Contains(err.Error(), "4 rows would exceed max_rows, 3; write fewer keys or raise it") {
			t.Errorf("err = %v", err)
		}
		for _, s := range []string{"S1", "S2", "S3"} {
			want[s] = plain{symbol: s, price: 5}
		}
		check(t, tbl, want)
		if err := put("S1"); err != nil {
			t.Errorf("an update is no growth: %v", err)
		}
	})
}

func TestStoreRefusesWhatItCannotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	names := &event.Symbols{}
	cfg := Config{Schema: prices, Key: "symbol", File: path, Names: names}
	tbl := open(t, cfg)
	strange := plain{symbol: "\xff\x00,\"", sector: "", price: -0.5, at: -7}
	for _, p := range []plain{strange, {symbol: ""}} {
		if err := tbl.Upsert(p.row(t, names)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "does another engine use it?") {
		t.Errorf("a second opener got %v", err)
	}
	_ = tbl.Close()
	if _, err := find(tbl, 99); err == nil || !strings.Contains(err.Error(), "could not read table Prices") {
		t.Errorf("Find on a closed table: %v", err)
	}
	if err := tbl.Upsert(plain{symbol: "A"}.row(t, names)); err == nil {
		t.Error("Upsert on a closed table must fail")
	}

	other := cfg
	other.Schema = &event.Schema{Stream: "Prices", Columns: prices.Columns[:2]}
	if _, err := Open(other); err == nil || !strings.Contains(err.Error(), "move the file away or declare its columns") {
		t.Errorf("other columns: %v", err)
	}
	full := cfg
	full.Names = &event.Symbols{Max: 1}
	full.Indexes = []string{"sector"}
	if _, err := Open(full); err == nil || !strings.Contains(err.Error(), "already holds 1 symbols") {
		t.Errorf("no room for texts: %v", err)
	}
	cfg.Names = &event.Symbols{}
	again := open(t, cfg)
	row, err := find(again, uint64(intern(t, cfg.Names, strange.symbol)))
	if err != nil || plainOf(row, cfg.Names) != strange || again.Len() != 2 {
		t.Errorf("%d rows, %v, %v", again.Len(), row, err)
	}
}

func TestLoadReadsTextsByTheTypeOfTheirColumn(t *testing.T) {
	kinds(t, func(t *testing.T, cfg Config) {
		t.Helper()
		tbl := open(t, cfg)
		if err := tbl.Load([][]string{{"1.5", "S1", "x", "-7"}, {"2e3", "S2", "y", "8"}}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prices.csv")
		text := "rank,extra,symbol,sector,price\n3,?,S3,\"a,b\",.25\n4,?,S1,y,1\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := tbl.LoadCSV(path); err != nil {
			t.Fatal(err)
		}
		check(t, tbl, map[string]plain{
			"S1": {0, 1, "S1", "y", 4}, "S2": {0, 2000, "S2", "y", 8}, "S3": {0, .25, "S3", "a,b", 3},
		})
	})
}

func TestMistakesAreNamed(t *testing.T) {
	cfg := Config{Schema: prices, Key: "symbol", Names: &event.Symbols{Max: 2}}
	tbl := open(t, cfg)
	csv := func(text string) error {
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return tbl.LoadCSV(path)
	}
	openWith := func(key string, indexes ...string) error {
		_, err := Open(Config{Schema: prices, Key: key, Indexes: indexes})
		return err
	}
	tests := map[string]error{
		`row 2 of table Prices: it has 1 values, not 4`: tbl.Load([][]string{{"1", "A", "A", "1"}, {"1"}}),
		`row 1 of table Prices: column price: strconv.`: tbl.Load([][]string{{"x", "A", "A", "1"}}),
		`column rank: strconv.ParseInt: parsing "1.5"`:  tbl.Load([][]string{{"1", "A", "A", "1.5"}}),
		`already holds 2 symbols`:                       tbl.Load([][]string{{"1", "B", "C", "1"}}),
		`t.csv has no "rank"`:                           csv("price,symbol,sector\n"),
		`t.csv has no "price"`:                          csv(""),
		`wrong number of fields`:                        csv("a,b\n1\n"),
		`no such file`:                                  tbl.LoadCSV("/nowhere/t.csv"),
		`no column "id" for its key or an index`:        openWith("id"),
		`no column "colour" for its key`:                openWith("symbol", "colour"),
	}
	for want, err := range tests {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want it to say %q", err, want)
		}
	}
	if tbl.Len() != 0 {
		t.Errorf("%d rows of failed loads stay", tbl.Len())
	}
}

func TestTableConcurrentSafe(t *testing.T) {
	kinds(t, func(t *testing.T, cfg Config) {
		t.Helper()
		tbl := open(t, cfg)
		put := func(i, n int) {
			var rows []event.Row
			for k := range 8 { // of one call, so readers see all or none of them
				rows = append(rows, plain{symbol: fmt.Sprint("S", k), sector: strconv.Itoa(i), rank: int64(n)}.row(t, cfg.Names))
			}
			if err := tbl.Upsert(rows...); err != nil {
				t.Error(err)
			}
		}
		put(0, 0)
		keys := make([]uint64, 8)
		for k := range keys {
			keys[k] = uint64(intern(t, cfg.Names, fmt.Sprint("S", k)))
		}
		sectors := []uint64{uint64(intern(t, cfg.Names, "0")), uint64(intern(t, cfg.Names, "1"))}
		sector, _ := tbl.Searchable("sector")
		var writers, readers sync.WaitGroup
		stop := make(chan struct{})
		for i := range 2 {
			writers.Go(func() {
				for n := range 40 {
					put(i, n)
				}
			})
			readers.Go(func() {
				for done := false; !done; {
					select {
					case <-stop:
						done = true
					default:
					}
					if cfg.File == "" { // the cache and the file of a store differ for a moment
						var seen []event.Row
						tbl.Lookup(tbl.KeyColumn, keys, func(_ int, r event.Row, _ error) { seen = append(seen, r) })
						for _, r := range seen {
							if !slices.Equal(r[3:], seen[0][3:]) {
								t.Errorf("half a call is seen: %v", seen)
							}
						}
					}
					tbl.Lookup(sector, sectors[i:i+1], func(_ int, r event.Row, _ error) {
						if r != nil && r[sector+1] != sectors[i] {
							t.Errorf("%v is not of sector %d", r, sectors[i])
						}
					})
					if err := tbl.Scan(func(r event.Row) bool { return r.Float(0) == 0 }); err != nil {
						t.Error(err)
					}
					_ = tbl.Bytes()
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
		n := 0
		tbl.Lookup(sector, sectors, func(_ int, r event.Row, _ error) { n += min(len(r), 1) })
		if n != 8 {
			t.Errorf("%d rows in both sectors, want 8", n)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	for _, kind := range []string{"memory", "store hit", "store miss"} {
		b.Run(kind, func(b *testing.B) {
			cfg := Config{Schema: prices, Key: "symbol", Names: &event.Symbols{}, Cache: 10_000}
			if kind != "memory" {
				cfg.File = filepath.Join(b.TempDir(), "t.db")
			}
			if kind == "store miss" {
				cfg.Cache = 1
			}
			tbl, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = tbl.Close() }()
			rows := make([][]string, 1000)
			keys := make([]uint64, 64)
			for i := range rows {
				rows[i] = []string{"1.5", "S" + strconv.Itoa(i), "x", "1"}
			}
			if err := tbl.Load(rows); err != nil {
				b.Fatal(err)
			}
			for i := range keys {
				id, _ := cfg.Names.Intern("S" + strconv.Itoa(i*15))
				keys[i] = uint64(id)
			}
			sum := 0.0
			b.ReportAllocs()
			for b.Loop() {
				tbl.Lookup(tbl.KeyColumn, keys, func(_ int, r event.Row, _ error) { sum += r.Float(0) })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/find")
		})
	}
}

func BenchmarkUpsertBatch(b *testing.B) {
	for _, kind := range []string{"memory", "store"} {
		b.Run(kind, func(b *testing.B) {
			cfg := Config{Schema: prices, Key: "rank", Indexes: []string{"sector"}, Names: &event.Symbols{}}
			if kind != "memory" {
				cfg.File = filepath.Join(b.TempDir(), "t.db")
			}
			tbl, err := Open(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = tbl.Close() }()
			batch := event.NewBatch(prices, 64)
			rows := make([]event.Row, 64)
			for i := range rows {
				rows[i] = batch.Append()
				rows[i].SetInt(3, int64(i))
			}
			for b.Loop() {
				if err := tbl.Upsert(rows...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}
