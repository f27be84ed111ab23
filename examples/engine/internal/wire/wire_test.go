// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var schema = &event.Schema{Stream: "S", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol},
	{Name: "price", Type: event.Float},
	{Name: "n", Type: event.Int},
	{Name: "start", Type: event.Time},
	{Name: "venue", Type: event.Symbol},
}}

// random fills a batch of any schema with values of any size.
func random(rng *rand.Rand, s *event.Schema, n int, names *event.Symbols) *event.Batch {
	b := event.NewBatch(s, n)
	for range n {
		r := b.Append()
		for i := range r {
			r[i] = rng.Uint64() >> (rng.UintN(9) * 8)
			if i > 0 && s.Columns[i-1].Type == event.Symbol {
				id, _ := names.Intern(strings.Repeat("x", rng.IntN(3)) + fmt.Sprint(rng.IntN(20)))
				r.SetSymbol(i-1, id)
			}
		}
	}
	return b
}

func text(b *event.Batch, names *event.Symbols) string {
	var out strings.Builder
	for i := range b.Len() {
		r := b.Row(i)
		fmt.Fprint(&out, r[0])
		for c, column := range b.Schema.Columns {
			if column.Type == event.Symbol {
				fmt.Fprintf(&out, " %q", names.Name(r.Symbol(c)))
			} else {
				fmt.Fprintf(&out, " %x", r[c+1])
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func TestEveryBatchComesBackInAnotherProcess(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := &event.Schema{Stream: "R"}
		for i := range rng.IntN(6) {
			s.Columns = append(s.Columns, event.Column{Name: fmt.Sprint("c", i), Type: event.Type(1 + rng.IntN(4))})
		}
		var here, there event.Symbols
		_, _ = there.Intern("19") // ids differ from process to process
		b := random(rng, s, rng.IntN(100), &here)
		data := Encode([]byte("head"), b, &here)
		if string(data[:4]) != "head" {
			t.Fatal("Encode must append")
		}
		got, err := Decode(data[4:], s, &there)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := text(b, &here), text(got, &there); want != got {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestNumbersAtTheEdgesComeBack(t *testing.T) {
	var names event.Symbols
	b := event.NewBatch(schema, 3)
	for _, v := range []int64{math.MinInt64, math.MaxInt64, 0} {
		r := b.Append()
		r.SetTime(v)
		r.SetFloat(1, math.NaN())
		r.SetInt(2, v)
		r.SetInt(3, -v)
		id, _ := names.Intern("a")
		r.SetSymbol(0, id)
		r.SetSymbol(4, id)
	}
	got, err := Decode(Encode(nil, b, &names), schema, &names)
	if err != nil || text(got, &names) != text(b, &names) {
		t.Fatalf("%v\n%s", err, text(got, &names))
	}
}

func TestABatchOfOtherColumnsIsRefusedWithBothNames(t *testing.T) {
	column := func(name string, t event.Type) *event.Schema {
		s := &event.Schema{Stream: "T", Columns: slices.Clone(schema.Columns)}
		s.Columns[1] = event.Column{Name: name, Type: t}
		return s
	}
	for _, tt := range []struct {
		into *event.Schema
		want string
	}{
		{column("price", event.Int), `"price" float "n" int "start" time "venue" symbol as one of stream T, of format 1 with columns "symbol" symbol "price" int`},
		{column("close", event.Float), `"close" float`},
		{&event.Schema{Stream: "T"}, "of stream T, of format 1 with columns: declare"},
	} {
		var names event.Symbols
		b := random(rand.New(rand.NewPCG(1, 1)), schema, 3, &names)
		_, err := Decode(Encode(nil, b, &names), tt.into, &names)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("err = %v, want %q", err, tt.want)
		}
	}
}

func TestEveryShortenedOrLengthenedBatchIsRefused(t *testing.T) {
	var names event.Symbols
	data := Encode(nil, random(rand.New(rand.NewPCG(1, 1)), schema, 5, &names), &names)
	for n := range data {
		if b, err := Decode(data[:n], schema, &names); err == nil {
			t.Fatalf("the first %d of %d bytes gave %d rows", n, len(data), b.Len())
		}
	}
	if _, err := Decode(append(data, 0), schema, &names); err == nil {
		t.Error("a byte too many must be refused")
	}
	other := slices.Clone(data)
	other[0]++
	if _, err := Decode(other, schema, &names); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
}

func TestAHostileLengthAllocatesNothing(t *testing.T) {
	var names event.Symbols
	head := Encode(nil, event.NewBatch(schema, 0), &names)
	head = head[:len(head)-1] // the number of rows
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for _, data := range [][]byte{
		append(slices.Clone(head), huge...),                                 // rows
		append(append(slices.Clone(head), 1, 0, 0), huge...),                // a text
		append(append(slices.Clone(head), 1, 0, 0x7f), huge[:7]...),         // a reference
		append([]byte{version}, huge...),                                    // columns
		append(append([]byte{version}, byte(len(schema.Columns))), huge...), // a column's name
	} {
		data = append(data, make([]byte, 100)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Decode(data, schema, &names); err == nil {
			t.Errorf("%x must be refused", data)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<16 {
			t.Errorf("%d bytes allocated for %d bytes", n, len(data))
		}
	}
}

func TestAFullSymbolTableRefusesTheBatch(t *testing.T) {
	var names event.Symbols
	data := Encode(nil, random(rand.New(rand.NewPCG(1, 1)), schema, 50, &names), &names)
	if _, err := Decode(data, schema, &event.Symbols{Max: 2}); err == nil || !strings.Contains(err.Error(), "2 symbols") {
		t.Errorf("err = %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	var names event.Symbols
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 4 {
		f.Add(Encode(nil, random(rng, schema, n, &names), &names))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var names event.Symbols
		b, err := Decode(data, schema, &names)
		if err != nil {
			return
		}
		again, err := Decode(Encode(nil, b, &names), schema, &names)
		if err != nil || text(again, &names) != text(b, &names) {
			t.Fatalf("what was read does not survive: %v", err)
		}
	})
}

// trades is what the demo sends: few symbols, times that move on slowly.
func trades(names *event.Symbols) *event.Batch {
	s := &event.Schema{Stream: "T", Columns: schema.Columns[:3]}
	b := event.NewBatch(s, 64)
	for i := range 64 {
		r := b.Append()
		id, _ := names.Intern(fmt.Sprint("SYM", i%20))
		r.SetTime(1.7e18 + int64(i)*1e3)
		r.SetSymbol(0, id)
		r.SetFloat(1, float64(i)*1.1)
		r.SetInt(2, int64(i*100))
	}
	return b
}

func BenchmarkEncode64(b *testing.B) {
	var names event.Symbols
	in := trades(&names)
	buf := Encode(nil, in, &names)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = Encode(buf[:0], in, &names)
	}
}

func BenchmarkDecode64(b *testing.B) {
	var names event.Symbols
	in := trades(&names)
	data := Encode(nil, in, &names)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, in.Schema, &names); err != nil {
			b.Fatal(err)
		}
	}
}
