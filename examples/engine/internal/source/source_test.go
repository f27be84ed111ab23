// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
)

const bars = "timestamp,symbol,open,high,low,close,volume\n" +
	"1995-01-03T21:00:00Z,ORCL,2.1,2.2,2.0,2.117284,36301200\n" +
	"not a time,ORCL,1,1,1,1,1\n" +
	"2006-01-02T08:01:00Z,\"STOXX50F\",1,1,1,3614.0,0\n" +
	"short,line\n" +
	"2006-01-02T08:02:00Z,STOXX50F,1,1,1,dear,0\n" +
	"2006-01-02T08:03:00Z,STOXX50F,1,1,1,3615.5,12.0\n"

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
	c, err := OpenCSV(path, market.Stock, &names)
	if err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(market.Stock, 2)
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
	return strings.Join(out, "|"), c.Rejected()
}

func TestFilesThatAreNoBarsAreNamed(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{"": "empty", "a,b\n1,2\n": "has no column", "\x1f\x8bjunk": "gzip"} {
		path := filepath.Join(dir, "in.csv")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenCSV(path, market.Stock, &event.Symbols{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("OpenCSV of %q: %v, want the path and %q", content, err, want)
		}
	}
	if _, err := OpenCSV(filepath.Join(dir, "absent"), market.Stock, &event.Symbols{}); !errors.Is(err, os.ErrNotExist) {
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
	g, err := NewGenerator(market.Stock, &names, []string{"A", "B", "C"}, seed)
	if err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(market.Stock, 640)
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
