// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/feed"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/source"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/state"
)

// openFeeds opens everything that brings events in: sources, and streams of
// other nodes.
func (n *Node) openFeeds() error {
	for _, s := range n.app.Sources {
		if s.Node != n.opts.Node {
			continue
		}
		f, err := n.openSource(s)
		if err != nil {
			return fmt.Errorf("could not open the %s source of stream %s: %w", s.Type, s.Stream, err)
		}
		n.inputs = append(n.inputs, f)
	}
	return n.openLink()
}

func (n *Node) openSource(s app.Source) (input, error) {
	into := n.streams[s.Stream]
	handle := n.handle.Source(s.Stream, s.Type)
	switch s.Type {
	case "http", "tcp":
		return n.openServer(s, source.Config{
			Schema: into.Schema(), Names: n.names, Handle: handle, Path: s.Path, Batch: int(s.Batch),
		})
	}
	reader, err := n.openReader(s, into)
	if err != nil {
		return input{}, err
	}
	pump := feed.New(feed.Config{
		Reader: reader, Kind: s.Type, Mapper: mappers[s.Type], Into: into, Handle: handle, Batch: int(s.Batch), Rate: float64(s.Rate),
		Limit: int64(s.Events), Duration: time.Duration(s.Duration), Speed: n.ops.faults.Rate, Clock: n.ops.faults.Clock,
	})
	n.durable.pump("source/"+s.Stream, pump)
	return input{run: pump.Run, leads: true, totals: func(t *Totals) {
		t.Read += pump.Read()
		t.Rejected += pump.Rejected()
	}}, nil
}

// mappers are the formats that are decoded, by type of source.
var mappers = map[string]string{"csv": "csv"}

// openReader opens a source that is read at the engine's own pace.
func (n *Node) openReader(s app.Source, into *junction.Junction) (source.Reader, error) {
	if s.Type == "generator" {
		values, err := expand(s.Values)
		if err != nil {
			return nil, err
		}
		return source.NewGenerator(into.Schema(), n.names, values, uint64(s.Seed))
	}
	file, err := source.OpenCSV(s.Path, into.Schema(), n.names, s.Columns)
	if err != nil {
		return nil, err
	}
	file.OnReject = n.rejected(s)
	n.closers = append(n.closers, file)
	return file, nil
}

// rejected logs the first few records that cannot be read.
func (n *Node) rejected(s app.Source) func(error) {
	const most = 5
	logger, count := n.logger.With("stream.name", s.Stream), 0
	return func(err error) {
		if count++; count <= most {
			logger.Warn("record skipped", "file", s.Path, "error", err.Error())
		}
	}
}

// server is a source that waits for others.
type server interface {
	Run(run, stop context.Context, lis net.Listener) error
}

func (n *Node) openServer(s app.Source, cfg source.Config) (input, error) {
	in, err := n.inlet(s.Stream, s.Type)
	if err != nil {
		return input{}, err
	}
	cfg.Take = in.take
	var serve server = source.NewTCP(cfg)
	if s.Type == "http" {
		serve = source.NewHTTP(cfg)
	}
	lis, err := listen(s.Listen)
	if err != nil {
		return input{}, err
	}
	n.closers = append(n.closers, closer(lis.Close))
	n.logger.Info("source listens", "stream.name", s.Stream, "address", lis.Addr().String())
	return input{
		run:    serveInto(func(run, stop context.Context) error { return serve.Run(run, stop, lis) }, in),
		totals: func(t *Totals) { t.Read += in.taken.Load(); in.count(t) },
	}, nil
}

func listen(addr string) (net.Listener, error) {
	lis, err := net.Listen("tcp", addr)
	return lis, usable(addr, err)
}

// usable says what to do about an address that cannot be listened on.
func usable(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen on %s: the address is in use; stop the other process or choose another address", addr)
	case err != nil:
		return fmt.Errorf("listen on %s: %w; choose another address", addr, err)
	}
	return nil
}

// inlet is where what others send gets into a stream.
type inlet struct {
	put   func(ctx context.Context, m junction.Message, sender string, seq uint64) error
	into  *junction.Junction
	taken atomic.Int64
	// If what comes in is kept on disk first, replay runs beside the server; else both are nil.
	log    *state.Log
	replay func(run, stop context.Context) error
}

// count adds what was sent again and is in the log already.
func (i *inlet) count(t *Totals) {
	if i.log != nil {
		t.Duplicates += i.log.Duplicates()
	}
}

func (i *inlet) take(ctx context.Context, m junction.Message, sender string, seq uint64) error {
	if m.Batch.Len() == 0 {
		sender = "" // an end has the number of the row before it, which is no repetition
	}
	if err := i.put(ctx, m, sender, seq); err != nil {
		return err
	}
	i.taken.Add(int64(m.Batch.Len()))
	return nil
}

// serveInto ends the streams after their server.
func serveInto(serve func(run, stop context.Context) error, into ...*inlet) func(run, stop context.Context) error {
	return func(run, stop context.Context) error {
		served, done := context.WithCancel(context.Background())
		defer done()
		replays, replaying := errgroup.WithContext(run)
		for _, i := range into {
			defer i.into.Close()
			if i.replay != nil {
				replays.Go(func() error { return i.replay(replaying, served) })
			}
		}
		err := serve(run, stop)
		done()
		if err := errors.Join(err, replays.Wait()); err != nil {
			return err
		}
		for _, i := range into {
			if err := i.into.Put(run, junction.Message{Ctx: context.Background(), End: true}); err != nil {
				return err
			}
		}
		return nil
	}
}

// openSinks opens what takes the rows of a stream out: the sinks of the
// application, and the links to nodes that read the stream.
func (n *Node) openSinks(stream string) (sinks []sink.Sink, err error) {
	for _, s := range n.app.Sinks {
		if s.Stream != stream {
			continue
		}
		opened, err := n.openSink(s)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, opened)
	}
	for _, node := range n.plan.Streams[stream].To {
		addr, ok := n.opts.Peers[node]
		if !ok {
			return nil, fmt.Errorf("stream %s goes to node %s; say where that is: --peers %s=HOST:PORT", stream, node, node)
		}
		peer, err := n.peer(addr)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, peer.Client(n.durable.sender(n.opts.Node, stream), n.plan.Streams[stream].Schema, n.names))
	}
	return sinks, nil
}

func (n *Node) openSink(s app.Sink) (sink.Sink, error) {
	switch s.Type {
	case "file":
		f, err := sink.OpenFile(s.Path, n.names)
		if err != nil {
			return nil, fmt.Errorf("open sink: %w; choose a writable file for stream %s", err, s.Stream)
		}
		n.sinks, n.closers = append(n.sinks, f), append(n.closers, f)
		return f, nil
	case "http":
		h, err := sink.NewHTTP(s.URL, n.names)
		if err != nil {
			return nil, fmt.Errorf("the http sink of stream %s: %w", s.Stream, err)
		}
		n.closers = append(n.closers, h)
		return h, nil
	default:
		logger := n.sdk.Logger().With("target", "eventflux::sink", "stream.name", s.Stream)
		return sink.NewLog(logger, n.names, s.Message), nil
	}
}

// peer is the connection to another node, which its streams share.
func (n *Node) peer(addr string) (*link.Peer, error) {
	if p, ok := n.peers[addr]; ok {
		return p, nil
	}
	p, err := link.Dial(n.opts.Protocol, addr, n.handle)
	if err == nil {
		n.peers[addr] = p
		n.closers = append(n.closers, p)
	}
	return p, err
}

// openLink opens the address that streams of other nodes come in by.
func (n *Node) openLink() error {
	var streams []string
	for name, s := range n.plan.Streams {
		if s.From != "" {
			streams = append(streams, name)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	slices.Sort(streams)
	server, err := link.Listen(n.opts.Listen, n.opts.Protocol, n.handle)
	if err := usable(n.opts.Listen, err); err != nil {
		return fmt.Errorf("%w with --listen", err)
	}
	n.server = server
	n.closers = append(n.closers, closer(func() error { // of a server that never served
		ended, end := context.WithCancel(context.Background())
		end()
		server.Stop(ended)
		return nil
	}))
	var into []*inlet
	for _, name := range streams {
		in, err := n.inlet(name, n.opts.Protocol)
		if err != nil {
			return err
		}
		into = append(into, in)
		server.Accept(name, n.streams[name].Schema(), n.names, func(ctx context.Context, m junction.Message, from string, seq uint64) (bool, error) {
			return false, in.take(ctx, m, from, seq)
		})
		if in.log != nil {
			for sender, seq := range in.log.Senders() {
				server.Know(name, sender, seq)
			}
		}
	}
	n.inputs = append(n.inputs, input{run: serveInto(n.serve, into...), totals: func(t *Totals) {
		t.Read += server.Received.Load()
		t.Duplicates += server.Duplicates.Load()
		for _, in := range into {
			in.count(t)
		}
	}})
	return nil
}

// Addr is the address that other nodes send streams to; empty if none does.
func (n *Node) Addr() string {
	if n.server == nil {
		return ""
	}
	return n.server.Addr()
}

// serve answers other nodes until stop ends and none of them may still send.
func (n *Node) serve(run, stop context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- n.server.Serve(run) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the link: %w", err)
	case <-stop.Done():
		n.awaitPeers(run, n.server.Connected)
	case <-run.Done():
	}
	n.server.Stop(run)
	if err := <-failed; err != nil {
		return fmt.Errorf("serve the link: %w", err)
	}
	return nil
}

// closer is a function that releases something. What is closed already is no error.
type closer func() error

// Close implements io.Closer.
func (c closer) Close() error {
	if err := c(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
