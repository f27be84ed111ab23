// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// ErrTimeout is why Expire gives a checkpoint up.
var ErrTimeout = errors.New("it takes too long")

// Coordinator takes one checkpoint at a time: Begin announces it, each source sends its barrier on, each part reports
// what it holds at the barrier, and after the last report all is saved. Set the fields before the first Begin; the
// methods are safe for concurrent use. A nil Coordinator never has a checkpoint pending.
type Coordinator struct {
	Timeout    time.Duration              // of a checkpoint; New says 30 s
	OnComplete func(id uint64)            // called after each checkpoint that is safe on disk
	OnFail     func(id uint64, err error) // called after each that was given up; the next one makes up for it

	store      *Store
	parts      []string
	names      *event.Symbols
	app        *telemetry.App
	metrics    *telemetry.Checkpoints
	collecting atomic.Uint64 // the checkpoint that waits for reports; 0: none
	success    atomic.Int64  // when a checkpoint completed last, in nanoseconds since 1970
	saving     sync.WaitGroup

	mu      sync.Mutex
	last    uint64        // checkpoint begun last
	begun   chan struct{} // closed by the next Begin
	busy    bool          // the checkpoint is not over
	current Checkpoint
	span    telemetry.Span
	waiting map[string]telemetry.Span // by part that has not reported
}

// New returns a coordinator of parts, whose names are unique and the same after each start.
func New(store *Store, parts []string, names *event.Symbols, app *telemetry.App) *Coordinator {
	c := &Coordinator{
		Timeout: 30 * time.Second, OnComplete: func(uint64) {}, OnFail: func(uint64, error) {},
		store: store, parts: parts, names: names, app: app, begun: make(chan struct{}),
		metrics: app.Checkpoints(semconv.CheckpointTypeAligned),
	}
	c.success.Store(time.Now().UnixNano()) // without any, count from the start
	c.metrics.LastSuccessAge().Func(func() float64 { return time.Since(time.Unix(0, c.success.Load())).Seconds() })
	return c
}

// Recover hands the newest checkpoint out: its symbols, then each part's blob to restore, in the order of the parts. ok
// is false if there is none yet. A part without a blob starts empty; a blob without its part is an error.
func (c *Coordinator) Recover(restore func(part string, blob []byte) error) (ok bool, err error) {
	start, metrics := time.Now(), c.app.Recovery()
	from, ok, err := c.store.Latest()
	if err == nil && !ok {
		return false, nil
	}
	_, span := c.app.Operation(context.Background(), telemetry.OperationRecover, semconv.StateBackend(backend))
	defer span.End()
	if err == nil {
		err = c.restore(from, restore)
	}
	if err != nil {
		err = fmt.Errorf("could not recover from checkpoint %d: %w", from.ID, err)
	}
	span.Fail(err)
	metrics.Attempts(resultOf(err)).Inc()
	metrics.Duration(resultOf(err)).Observe(time.Since(start))
	metrics.IO().Add(int(c.store.size.Load()))
	return ok, err
}

func (c *Coordinator) restore(from Checkpoint, restore func(part string, blob []byte) error) error {
	c.last = from.ID
	c.success.Store(from.At.UnixNano())
	if err := c.names.Restore(from.Symbols); err != nil {
		return err
	}
	for part := range from.Parts {
		if !slices.Contains(c.parts, part) {
			return fmt.Errorf("the application has no part %q any more: bring it back or start with an empty state directory", part)
		}
	}
	for _, part := range c.parts {
		if blob, has := from.Parts[part]; has {
			if err := restore(part, blob); err != nil {
				return fmt.Errorf("%q: %w", part, err)
			}
		}
	}
	return nil
}

// Begin starts the next checkpoint; ok is false while one is in progress.
func (c *Coordinator) Begin(now time.Time) (id uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy || len(c.parts) == 0 {
		return 0, false
	}
	c.last++
	c.busy, c.current = true, Checkpoint{ID: c.last, At: now, Parts: make(map[string][]byte)}
	var ctx context.Context
	ctx, c.span = c.app.Operation(context.Background(), telemetry.OperationCheckpoint,
		semconv.CheckpointType(semconv.CheckpointTypeAligned))
	c.waiting = make(map[string]telemetry.Span)
	for _, part := range c.parts {
		_, c.waiting[part] = c.app.Operation(ctx, telemetry.OperationComponent, semconv.StateComponent(part))
	}
	c.metrics.InProgress().Add(1)
	c.collecting.Store(c.last)
	close(c.begun)
	c.begun = make(chan struct{})
	return c.last, true
}

// Begun is closed by the next Begin, for sources that have nothing else to wake up for.
func (c *Coordinator) Begun() <-chan struct{} {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// Pending is the checkpoint whose barrier a source is to send on before its next batch, and to report; 0 if there is
// none, which costs one atomic load.
func (c *Coordinator) Pending(part string) uint64 {
	if c == nil || c.collecting.Load() == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, waiting := c.waiting[part]; !waiting {
		return 0
	}
	return c.collecting.Load()
}

// Report hands over what part holds at the barrier of checkpoint id, or err, which fails the checkpoint. It does not
// wait for the disk, and ignores what comes twice or too late.
func (c *Coordinator) Report(id uint64, part string, blob []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.current.Parts[part]; again || id == 0 || id != c.collecting.Load() {
		return
	}
	span, waiting := c.waiting[part]
	if !waiting && err == nil {
		err = errors.New("it was not announced as a part")
	}
	if err != nil {
		c.end(fmt.Errorf("could not take checkpoint %d: %q failed: %w", id, part, err))
		return
	}
	span.End()
	delete(c.waiting, part)
	if c.current.Parts[part] = blob; len(c.waiting) == 0 {
		c.end(nil)
	}
}

// Expire gives up a checkpoint that waits for reports longer than Timeout.
func (c *Coordinator) Expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := c.collecting.Load(); id != 0 && now.Sub(c.current.At) >= c.Timeout {
		missing := slices.Sorted(maps.Keys(c.waiting))
		c.end(fmt.Errorf("could not take checkpoint %d: after %s no report of %q: %w", id, c.Timeout, missing, ErrTimeout))
	}
}

// end takes no more reports, saves the checkpoint unless err says why not, and tells everybody.
func (c *Coordinator) end(err error) {
	done, span, missing := c.current, c.span, c.waiting
	done.Symbols = c.names.Names() // not earlier: the parts may refer to all of them
	c.collecting.Store(0)
	c.saving.Go(func() {
		if err == nil {
			err = c.store.Save(done)
		}
		for _, part := range missing {
			part.Fail(err)
			part.End()
		}
		span.Fail(err)
		span.End()
		c.metrics.Attempts(resultOf(err)).Inc()
		c.metrics.Duration(resultOf(err)).Observe(time.Since(done.At))
		c.metrics.Components(resultOf(err)).Observe(len(c.parts))
		c.metrics.InProgress().Add(-1)
		if err == nil {
			c.metrics.Size().Observe(int(c.store.size.Load()))
			c.success.Store(done.At.UnixNano())
			c.OnComplete(done.ID)
		} else {
			c.OnFail(done.ID, err)
		}
		c.mu.Lock()
		c.busy = false
		c.mu.Unlock()
	})
}

// Wait returns when no checkpoint is being saved. Call it when nothing reports any more, before the store is closed.
func (c *Coordinator) Wait() { c.saving.Wait() }
