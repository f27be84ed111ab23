// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/failure"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/plan"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
)

// failures are the handlers of events that could not be handled, by stream.
type failures struct {
	handlers map[string]*failure.Handler
	db       *bbolt.DB // of the stores; nil: not open
	stores   map[string]*failure.Store
}

// handleFailures gives a query somewhere to put what it cannot handle: rows that
// an operator fails on, and rows that a sink refuses for good.
func (n *Node) handleFailures(q *plan.Query, cfg *query.Config) error {
	in, err := n.handler(q.Inputs[0])
	if err != nil {
		return err
	}
	for _, name := range q.Inputs {
		if letters := n.streams[plan.DLQ(name)]; letters != nil {
			cfg.Letters = append(cfg.Letters, letters)
		}
	}
	cfg.Failed = func(b telemetry.Batch, r event.Row, s *event.Schema, errorType string, err error) {
		rows := event.NewBatch(s, 1)
		rows.AppendRow(r)
		_ = in.Handle(b.Context(), b, rows, errorType, err, nil) // its context never ends
	}
	if n.plan.Streams[q.Into].Config.OnError == "" {
		return nil // the query ends: nobody said that these events may be lost
	}
	out, err := n.handler(q.Into)
	cfg.Refused = func(ctx context.Context, b telemetry.Batch, rows *event.Batch, cause error) error {
		return out.Handle(ctx, b, rows, query.ErrorSinkSend, cause, nil)
	}
	return err
}

func (n *Node) handler(stream string) (*failure.Handler, error) {
	f := &n.failures
	if h, ok := f.handlers[stream]; ok {
		return h, nil
	}
	s := n.plan.Streams[stream]
	cfg := failure.Config{Stream: s.Schema, Names: n.names, Logger: n.logger, Strategy: cmp.Or(s.Config.OnError, "log")}
	if letters := n.streams[plan.DLQ(stream)]; letters != nil {
		cfg.Publish = letters.Put
	}
	if strings.HasSuffix(s.Config.OnError, "store") {
		store, err := n.errorStore(stream)
		if err != nil {
			return nil, err
		}
		cfg.Store = store
	}
	h, err := failure.New(n.handle, cfg)
	f.handlers[stream] = h
	return h, err
}

func (n *Node) errorStore(stream string) (*failure.Store, error) {
	f := &n.failures
	if n.durable.dir == "" {
		return nil, fmt.Errorf("on_error of stream %s is store: say where in dir of [state]", stream)
	}
	if f.db == nil {
		db, err := bbolt.Open(filepath.Join(n.durable.dir, "errors.db"), 0o600, &bbolt.Options{Timeout: time.Second})
		if err != nil {
			return nil, fmt.Errorf("could not open the error store: %w", err)
		}
		f.db, n.closers = db, append(n.closers, db)
	}
	store, err := failure.OpenStore(f.db, stream, 0, n.handle)
	f.stores[stream] = store
	return store, err
}
