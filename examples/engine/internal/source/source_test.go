// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

const bars = "timestamp,symbol,open,high,low,close,volume\n" +
	"1995-01-03T21:00:00Z,ORCL,2.1,2.2,2.0,2.117284,36301200\n" +
	"not a time,ORCL,1,1,1,1,1\n" +
	"2006-01-02T08:01:00Z,\"STOXX50F\",1,1,1,3614.0,0\n" +
	"short,line\n" +
	"2006-01-02T08:02:00Z,STOXX50F,1,1,1,dear,0\n" +
	"2006-01-02T08:03:00Z,STOXX50F,1,1,1,3615.5,12.0\n"

var barHeaders = map[string]string{"price": "close"}

func TestCSVReadsWhatIsThereAndCountsTheRest(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, bars)
	_ = z.Close()
	for name, content := range map[string]string{"plain.csv": bars, "zipped.csv.gz": zipped.String()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, rejected := readAll(t, path)
		want := "1995-01-03T21:00:00Z ORCL 2.117284 36301200|2006-01-02T08:01:00Z STOXX50F 3614 0|2006-01-02T08:03:00Z STOXX50F 3615.5 12"
		if got != want || rejected != 3 {
			t.Errorf("%s: rejected %d, rows\n%s, want\n%s", name, rejected, got, want)
		}
	}
}

func readAll(t *testing.T, path string) (rows string, rejected int64) {
	t.Helper()
	var names event.Symbols
	c, err := OpenCSV(path, enginetest.Stock, &names, barHeaders)
	if err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(enginetest.Stock, 2)
	for err == nil {
		err = c.Read(b, 2, 0)
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var out []string
	for i := range b.Len() {
		r := b.Row(i)
		at := time.Unix(0, r.Time()).UTC().Format(time.RFC3339)
		out = append(out, fmt.Sprint(at, " ", names.Name(r.Symbol(0)), " ", r.Float(1), " ", r.Int(2)))
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	return strings.Join(out, "|"), c.Progress().Rejected
}

func TestFilesThatAreNoBarsAreNamed(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{"": "want a header line", "a,b\n1,2\n": "has no column", "\x1f\x8bjunk": "gzip"} {
		path := filepath.Join(dir, "in.csv")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenCSV(path, enginetest.Stock, &event.Symbols{}, barHeaders)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("OpenCSV of %q: %v, want the path and %q", content, err, want)
		}
	}
	if _, err := OpenCSV(filepath.Join(dir, "absent"), enginetest.Stock, &event.Symbols{}, barHeaders); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestGeneratorRepeatsItselfWhateverTheBatchSize(t *testing.T) {
	a, b := walk(t, 1, 1), walk(t, 64, 1)
	if a != b {
		t.Error("the same seed gave other trades")
	}
	if a == walk(t, 64, 2) {
		t.Error("another seed gave the same trades")
	}
}

func walk(t *testing.T, batch int, seed uint64) string {
	t.Helper()
	var names event.Symbols
	g, err := NewGenerator(enginetest.Stock, &names, []string{"A", "B", "C"}, seed)
	if err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(enginetest.Stock, 640)
	last := int64(0)
	for i := range 640 / batch {
		if err := g.Read(b, batch, int64(100-i)); err != nil { // a clock that goes back
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for i := range b.Len() {
		r := b.Row(i)
		if r.Time() < last {
			t.Fatalf("event time went back at row %d", i)
		}
		last = r.Time()
		fmt.Fprintln(&out, names.Name(r.Symbol(0)), r.Float(1), r.Int(2))
	}
	return out.String()
}

func TestGeneratorStillMakesTheTradesOfOldSeeds(t *testing.T) {
	sum := fnv.New64a()
	fmt.Fprint(sum, walk(t, 64, 1))
	if got := fmt.Sprintf("%x", sum.Sum64()); got != "35bb7da75965ec3d" {
		t.Errorf("trades have the sum %s", got)
	}
}

// wide has every type twice.
var wide = &event.Schema{Stream: "Wide", Columns: []event.Column{
	{Name: "a", Type: event.Float},
	{Name: "b", Type: event.Float},
	{Name: "c", Type: event.Int},
	{Name: "d", Type: event.Int},
	{Name: "e", Type: event.Symbol},
	{Name: "f", Type: event.Symbol},
	{Name: "g", Type: event.Time},
	{Name: "h", Type: event.Time},
}}

func TestGeneratorFillsEveryColumnOfAnySchema(t *testing.T) {
	g, err := NewGenerator(wide, &event.Symbols{}, []string{"A", "B", "C"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(wide, 1000)
	_ = g.Read(b, 1000, 99)
	seen := make([]map[uint64]bool, len(wide.Columns))
	for c := range seen {
		seen[c] = map[uint64]bool{}
		for i := range b.Len() {
			seen[c][b.Row(i)[c+1]] = true
		}
	}
	for c, n := range []int{100, 100, 32, 32, 3, 3, 1, 1} {
		if len(seen[c]) < n {
			t.Errorf("column %s has %d values in 1000 rows, want %d at least", wide.Columns[c].Name, len(seen[c]), n)
		}
	}
	if r := b.Row(5); r.Int(6) != 99 || r.Time() != 99 {
		t.Errorf("times are %d and %d, want the clock's", r.Time(), r.Int(6))
	}
	if _, err := NewGenerator(wide, &event.Symbols{}, nil, 7); err == nil {
		t.Error("a generator without symbols must be refused")
	}
	if _, err := NewGenerator(wide, &event.Symbols{Max: 1}, []string{"A", "B"}, 7); err == nil {
		t.Error("symbols that do not fit must be refused")
	}
}

func TestASkippedReaderGoesOnWhereTheFirstStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bars.csv")
	if err := os.WriteFile(path, []byte(bars), 0o600); err != nil {
		t.Fatal(err)
	}
	names := &event.Symbols{} // what a checkpoint restores
	open := map[string]func() Reader{
		"csv": func() Reader {
			c, err := OpenCSV(path, enginetest.Stock, names, barHeaders)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			return c
		},
		"generator": func() Reader {
			g, err := NewGenerator(wide, names, []string{"A", "B"}, 3)
			if err != nil {
				t.Fatal(err)
			}
			return g
		},
	}
	schemas := map[string]*event.Schema{"csv": enginetest.Stock, "generator": wide}
	for name, reader := range open {
		for first := range 4 {
			one, two := reader(), reader()
			b := event.NewBatch(schemas[name], 8)
			_ = one.Read(b, first, 5)
			at := one.Progress().Position
			b.Truncate(0)
			_ = one.Read(b, 3, 5)
			if err := two.Skip(at); err != nil {
				t.Fatal(err)
			}
			again := event.NewBatch(schemas[name], 8)
			_ = two.Read(again, 3, 5)
			if one.Progress().Position != two.Progress().Position || b.Len() != again.Len() {
				t.Fatalf("%s: %+v and %+v", name, one.Progress(), two.Progress())
			}
			for i := range b.Len() {
				if !slices.Equal(b.Row(i), again.Row(i)) {
					t.Errorf("%s after %d: row %d is %v, want %v", name, first, i, again.Row(i), b.Row(i))
				}
			}
		}
	}
	if err := open["csv"]().Skip(100); err == nil || !strings.Contains(err.Error(), "at record 6") {
		t.Errorf("err = %v, want it to say that the file is shorter", err)
	}
}
