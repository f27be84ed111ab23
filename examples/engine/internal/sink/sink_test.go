// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var schema = &event.Schema{Stream: "S", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol},
	{Name: "avg", Type: event.Float},
	{Name: "n", Type: event.Int},
	{Name: "start", Type: event.Time},
}}

func batch(names *event.Symbols, n int) *event.Batch {
	b := event.NewBatch(schema, n)
	for i := range n {
		r := b.Append()
		id, _ := names.Intern(fmt.Sprintf("S \"%d\" <&>\n", i))
		r.SetTime(int64(i) * 1e9)
		r.SetSymbol(0, id)
		r.SetFloat(1, float64(i)/3)
		r.SetInt(2, int64(-i))
		r.SetInt(3, 0)
	}
	return b
}

// disk takes a few bytes per write until it is full, like a file system does.
type disk struct {
	bytes.Buffer
	free int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.free)
	d.free -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestAFullDiskTearsNoLineAndDoublesNone(t *testing.T) {
	var names event.Symbols
	b := batch(&names, 50)
	d := &disk{}
	f := &File{names: &names, out: d}
	if err := f.Format(b); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	written := 0
	for {
		n, err := f.Send(context.Background())
		written += n
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(f.Check(), syscall.ENOSPC) {
			t.Fatal(err, f.Check())
		}
		d.free += 777 // somebody makes room
		attempts++
	}
	if written != d.Len() || f.Check() != nil {
		t.Errorf("%d bytes reported, %d written; check says %v", written, d.Len(), f.Check())
	}
	lines := strings.Split(strings.TrimSuffix(d.String(), "\n"), "\n")
	if len(lines) != 50 || attempts < 2 {
		t.Fatalf("%d lines after %d attempts, want 50 after several", len(lines), attempts)
	}
	for i, line := range lines {
		var got struct {
			Time, Symbol, Start string
			Avg                 float64
			N                   int64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d: %v\n%s", i, err, line)
		}
		r := b.Row(i)
		if got.Symbol != names.Name(r.Symbol(0)) || got.Avg != r.Float(1) || got.N != r.Int(2) || got.Start != "1970-01-01T00:00:00Z" {
			t.Errorf("line %d is %s", i, line)
		}
	}
}

func TestNumbersThatJSONLacksBecomeNull(t *testing.T) {
	var names event.Symbols
	b := batch(&names, 1)
	b.Row(0).SetFloat(1, math.NaN())
	if got := string(appendJSON(nil, b, &names)); !strings.Contains(got, `"avg":null`) {
		t.Errorf("got %s", got)
	}
}

func TestPermanentSurvivesWrapping(t *testing.T) {
	cause := errors.New("no")
	err := fmt.Errorf("deliver: %w", Permanent(cause))
	if !IsPermanent(err) || !errors.Is(err, cause) || IsPermanent(cause) {
		t.Error("the mark must be seen through wrapping, and only there")
	}
}

func TestARecoveredFileEndsAtItsPosition(t *testing.T) {
	var names event.Symbols
	path := filepath.Join(t.TempDir(), "out")
	f, err := OpenFile(path, &names)
	if err != nil {
		t.Fatal(err)
	}
	write := func(rows int) {
		_ = f.Format(batch(&names, rows))
		if _, err := f.Position(); err == nil {
			t.Error("rows that wait have no position")
		}
		if _, err := f.Send(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	write(2)
	at, err := f.Position()
	if err != nil || at == 0 {
		t.Fatal(at, err)
	}
	before, _ := os.ReadFile(path)
	write(3)
	_ = f.Close() // a crash: nobody recovers before the next start
	if f, err = OpenFile(path, &names); err != nil {
		t.Fatal(err)
	}
	if err := f.Recover(at); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Errorf("%d bytes, want %d", len(after), len(before))
	}
	write(1)
	if after, _ := os.ReadFile(path); !bytes.HasPrefix(after, before) || bytes.Count(after, []byte("\n")) != 3 {
		t.Errorf("it must go on after the position:\n%s", after)
	}
	err = f.Recover(1 << 20)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "to 1048576 bytes") {
		t.Errorf("a file that lost rows must be refused, got %v", err)
	}
	_ = f.Close()
}

func TestWhatHasNoLengthIsNotCut(t *testing.T) {
	var names event.Symbols
	f, err := OpenFile(os.DevNull, &names)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := f.Position(); at != 0 || err != nil {
		t.Errorf("at %d, err %v", at, err)
	}
	if err := f.Recover(7); err != nil {
		t.Error(err)
	}
	_ = f.Close()
}
