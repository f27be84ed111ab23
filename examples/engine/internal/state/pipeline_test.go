// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

var trades = &event.Schema{Stream: "Trades", Columns: []event.Column{
	{Name: "from", Type: event.Symbol}, {Name: "n", Type: event.Int}, {Name: "total", Type: event.Int},
}}

// pipeline is the smallest durable engine: a log, a query that numbers all rows, a file.
type pipeline struct {
	dir   string
	names event.Symbols
	store *Store
	log   *Log
	file  *sink.File
	c     *Coordinator

	total int64 // state of the query
}

func openPipeline(dir string, cfg LogConfig) (p *pipeline, err error) {
	p, cfg.Part = &pipeline{dir: dir}, "log"
	if p.store, err = Open(dir, cfg.App); err != nil {
		return nil, err
	}
	if p.log, err = OpenLog(filepath.Join(dir, "log"), trades, &p.names, cfg); err != nil {
		return nil, err
	}
	if p.file, err = sink.OpenFile(filepath.Join(dir, "out"), &p.names); err != nil {
		return nil, err
	}
	p.c = New(p.store, []string{"query", "log"}, &p.names, cfg.App)
	p.c.OnComplete = func(id uint64) { err = errors.Join(err, p.log.Completed(id)) }
	ok, err := p.c.Recover(p.restore)
	if err == nil && !ok { // what the file has by now is not ours
		id, _ := p.c.Begin(start)
		p.c.Report(id, "log", key(p.log.next.Load()), nil)
		p.report(id)
		p.c.Wait()
	}
	return p, err
}

func (p *pipeline) restore(part string, blob []byte) error {
	if part == "log" {
		return p.log.UnmarshalBinary(blob)
	}
	p.total = int64(binary.BigEndian.Uint64(blob))
	return p.file.Recover(int64(binary.BigEndian.Uint64(blob[8:])))
}

func (p *pipeline) report(id uint64) {
	at, err := p.file.Position()
	blob := binary.BigEndian.AppendUint64(nil, uint64(p.total))
	p.c.Report(id, "query", binary.BigEndian.AppendUint64(blob, uint64(at)), err)
}

// publish is the stream and the query.
func (p *pipeline) publish(ctx context.Context, m junction.Message) error {
	if m.Barrier != 0 {
		p.report(m.Barrier)
		return nil
	}
	out := event.NewBatch(trades, m.Batch.Len())
	for i := range m.Batch.Len() {
		out.AppendRow(m.Batch.Row(i))
		p.total++
		out.Row(i).SetInt(2, p.total)
	}
	_ = p.file.Format(out)
	_, err := p.file.Send(ctx)
	return err
}

// close is what a crash never calls.
func (p *pipeline) close() {
	p.c.Wait()
	_, _, _ = p.file.Close(), p.log.Close(), p.store.Close()
}

// message is one batch of two rows from a sender.
func message(names *event.Symbols, from string, n uint64) junction.Message {
	b := event.NewBatch(trades, 2)
	id, _ := names.Intern(from)
	for i := range int64(2) {
		r := b.Append()
		r.SetTime(int64(n))
		r.SetSymbol(0, id)
		r.SetInt(1, int64(n)*2+i)
		r.SetInt(2, 0)
	}
	return junction.Message{Ctx: context.Background(), Batch: b}
}

// check reads the file: each sender's rows are there once, in order and without a gap, the query's numbers have none
// either, and at least the acknowledged are there.
func check(t *testing.T, dir string, acknowledged map[string]uint64) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	next := map[string]int64{}
	for i, line := range strings.Fields(string(data)) {
		var row struct {
			From     string
			N, Total int64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if row.Total != int64(i)+1 {
			t.Fatalf("line %d: total %d, the state lost or doubled something", i, row.Total)
		}
		if want := max(next[row.From], 2); row.N != want {
			t.Fatalf("line %d: %s has row %d, want %d", i, row.From, row.N, want)
		}
		next[row.From] = row.N + 1
	}
	for from, n := range acknowledged {
		if next[from] < int64(n)*2+2 {
			t.Fatalf("%s: rows up to %d, but %d was acknowledged", from, next[from]-1, n*2+1)
		}
	}
}

// copied is what a crash of the machine would leave: the files as they are now, not closed.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
