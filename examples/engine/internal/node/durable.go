// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/feed"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/state"
)

// durable is what makes a node survive a crash. The zero value makes it forget
// everything, which is right for an application without a state directory.
type durable struct {
	dir   string
	store *state.Store
	keep  *state.Coordinator
	parts map[string]func([]byte) error // how each part of a checkpoint is restored
	names []string                      // of the parts, as they were added
	logs  []*state.Log                  // of what came in from outside
	self  string                        // tells the links of this state directory, or of this run, from others
}

func (n *Node) openState() (err error) {
	d := &n.durable
	d.parts = map[string]func([]byte) error{}
	if n.app.State.Dir == "" {
		d.self = rand.Text()
		return nil
	}
	d.dir = filepath.Join(n.app.State.Dir, n.opts.Node)
	if d.store, err = state.Open(d.dir, n.handle); err != nil {
		return fmt.Errorf("could not open the state in %s: %w; choose another dir in [state]", d.dir, err)
	}
	n.closers = append(n.closers, d.store)
	if d.self, err = identity(d.dir); err != nil {
		return err
	}
	// Texts get their ids back before anything else is interned.
	last, _, err := d.store.Latest()
	return errors.Join(err, n.names.Restore(last.Symbols))
}

// identity is a name that the state directory keeps. Whoever begins with an
// empty directory is somebody else, of whom nobody has rows yet.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, "id")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(rand.Text())
		err = os.WriteFile(path, text, 0o600)
	}
	return string(text), err
}

// part adds something that is saved with each checkpoint.
func (d *durable) part(name string, restore func([]byte) error) {
	d.parts[name] = restore
	d.names = append(d.names, name)
}

// sender is who a link says it is.
func (d *durable) sender(node, stream string) string { return node + "/" + stream + "/" + d.self }

// pump lets a source take part in checkpoints.
func (d *durable) pump(name string, p *feed.Pump) {
	if d.store == nil {
		return
	}
	d.part(name, p.Resume)
	p.Barrier = func() (uint64, bool) {
		id := d.keep.Pending(name)
		return id, id != 0
	}
	p.Report = func(id uint64, position []byte) { d.keep.Report(id, name, position, nil) }
}

// query lets a query take part.
func (d *durable) query(id string, cfg *query.Config) {
	if d.store == nil {
		return
	}
	name := "query/" + id
	cfg.Report = func(checkpoint uint64, data []byte, err error) { d.keep.Report(checkpoint, name, data, err) }
}

// inlet is where what comes in for a stream goes: into the stream at once, or
// first into a log on disk.
func (n *Node) inlet(stream, kind string) (*inlet, error) {
	into := n.streams[stream]
	if n.durable.store == nil {
		return &inlet{into: into, put: func(ctx context.Context, m junction.Message, _ string, _ uint64) error {
			return into.Put(ctx, m)
		}}, nil
	}
	name := "log/" + stream
	log, err := state.OpenLog(filepath.Join(n.durable.dir, "wal", stream), into.Schema(), n.names, state.LogConfig{
		Part: name, Source: kind, App: n.handle,
	})
	if err != nil {
		return nil, fmt.Errorf("could not open the write-ahead log of stream %s: %w", stream, err)
	}
	n.closers, n.durable.logs = append(n.closers, log), append(n.durable.logs, log)
	n.durable.part(name, log.UnmarshalBinary)
	return &inlet{into: into, put: log.Take, log: log, replay: func(run, stop context.Context) error {
		return log.Run(run, stop, into.Put, n.durable.keep)
	}}, nil
}

// restore goes back to the newest checkpoint and begins to make new ones.
func (n *Node) restore() error {
	d := &n.durable
	if d.store == nil {
		return nil
	}
	for _, q := range n.queries {
		d.part("query/"+q.ID, q.Restore)
	}
	if err := n.begin(); err != nil {
		return err
	}
	d.keep = state.New(d.store, d.names, n.names, n.handle)
	d.keep.Timeout = time.Duration(n.app.State.Timeout)
	d.keep.OnComplete = func(id uint64) {
		for _, l := range d.logs {
			if err := l.Completed(id); err != nil {
				n.logger.Error("write-ahead log keeps what no checkpoint needs", "error", err.Error())
			}
		}
	}
	d.keep.OnFail = func(id uint64, err error) {
		n.logger.Error("checkpoint failed", "checkpoint", id, "error", err.Error())
	}
	if _, err := d.keep.Recover(func(part string, data []byte) error { return d.parts[part](data) }); err != nil {
		return fmt.Errorf("could not go back to the last checkpoint: %w", err)
	}
	n.logger.Info("state opened", "directory", d.dir)
	return n.ops.schedule.Every("checkpoint", time.Duration(n.app.State.Interval), func(_ context.Context, due time.Time) error {
		d.keep.Expire(due)
		if _, ok := d.keep.Begin(due); !ok {
			return errors.New("the checkpoint before is not finished")
		}
		return nil
	})
}

// begin saves where the sinks are before the very first event, so that a crash
// before the first checkpoint doubles nothing either.
func (n *Node) begin() error {
	d := &n.durable
	if _, ok, err := d.store.Latest(); ok || err != nil {
		return err
	}
	first := state.Checkpoint{ID: 1, At: time.Now(), Symbols: n.names.Names(), Parts: map[string][]byte{}}
	for _, q := range n.queries {
		data, err := q.Snapshot()
		if err != nil {
			return err
		}
		first.Parts["query/"+q.ID] = data
	}
	return d.store.Save(first)
}
