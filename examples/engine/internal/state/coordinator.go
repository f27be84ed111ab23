// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
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

// DefaultTimeout is how long a checkpoint may take, unless Coordinator.Timeout says otherwise.
const DefaultTimeout = 30 * time.Second

// ErrTimeout is why Expire gives a checkpoint up.
var ErrTimeout = errors.New("it takes too long")

// Coordinator takes one checkpoint at a time: Begin announces it, each source sends its barrier on, each part reports
// what it holds at the barrier, and after the last report all is saved. Set it up before the first Begin, after that
// all methods are safe for concurrent use. A nil Coordinator never has a checkpoint pending.
type Coordinator struct {
	Timeout time.Duration // 0: DefaultTimeout

	store      *Store
	parts      []string
	names      *event.Symbols
	app        *telemetry.App
	metrics    *telemetry.Checkpoints
	onComplete []func(id uint64)
	onFail     []func(id uint64, err error)

	collecting atomic.Uint64 // the checkpoint that waits for reports; 0: none
	success    atomic.Int64  // when a checkpoint completed last, in nanoseconds since 1970
	saving     sync.WaitGroup

	mu    sync.Mutex
	last  uint64        // checkpoint begun last
	open  *attempt      // nil: none
	begun chan struct{} // closed by the next Begin
}

// attempt is a checkpoint in progress.
type attempt struct {
	Checkpoint

	span    telemetry.Span
	waiting map[string]telemetry.Span // by part that has not reported
}

// New returns a coordinator of parts, whose names are unique and the same after each start.
func New(store *Store, parts []string, names *event.Symbols, app *telemetry.App) *Coordinator {
	c := &Coordinator{
		store: store, parts: parts, names: names, app: app,
		metrics: app.Checkpoints(semconv.CheckpointTypeAligned), begun: make(chan struct{}),
	}
	c.success.Store(time.Now().UnixNano()) // without any, count from the start
	c.metrics.LastSuccessAge().Func(func() float64 { return time.Since(time.Unix(0, c.success.Load())).Seconds() })
	return c
}

// OnComplete has f called after each checkpoint that is safe on disk.
func (c *Coordinator) OnComplete(f func(id uint64)) { c.onComplete = append(c.onComplete, f) }

// OnFail has f called after each checkpoint that was given up. The next one covers what it would have covered.
func (c *Coordinator) OnFail(f func(id uint64, err error)) { c.onFail = append(c.onFail, f) }

// Recover hands the newest checkpoint out: its symbols, then each part's blob to restore, in the order of the parts. ok
// is false if there is none yet. A part without a blob starts empty; a blob without its part is an error.
func (c *Coordinator) Recover(restore func(part string, blob []byte) error) (ok bool, err error) {
	start := time.Now()
	_, span := c.app.Operation(context.Background(), telemetry.OperationRecover, semconv.StateBackend(backend))
	defer span.End()
	from, ok, err := c.store.Latest()
	if err == nil && ok {
		err = c.restore(from, restore)
	}
	span.Fail(err)
	if metrics := c.app.Recovery(); ok || err != nil {
		metrics.Attempts(resultOf(err)).Inc()
		metrics.Duration(resultOf(err)).Observe(time.Since(start))
		metrics.IO().Add(int(c.store.size.Load()))
	}
	return ok, err
}

func (c *Coordinator) restore(from Checkpoint, restore func(part string, blob []byte) error) error {
	for part := range from.Parts {
		if !slices.Contains(c.parts, part) {
			return fmt.Errorf("could not restore %q of checkpoint %d: the application lost it; bring it back or start with an empty state directory", part, from.ID)
		}
	}
	if err := c.names.Restore(from.Symbols); err != nil {
		return err
	}
	for _, part := range c.parts {
		if blob, has := from.Parts[part]; has {
			if err := restore(part, blob); err != nil {
				return fmt.Errorf("could not restore %q from checkpoint %d: %w", part, from.ID, err)
			}
		}
	}
	c.last = from.ID
	c.success.Store(from.At.UnixNano())
	return nil
}

// Begin starts the next checkpoint; ok is false while one is in progress.
func (c *Coordinator) Begin(now time.Time) (id uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open != nil || len(c.parts) == 0 {
		return 0, false
	}
	c.last++
	c.open = &attempt{waiting: make(map[string]telemetry.Span), Checkpoint: Checkpoint{ID: c.last, At: now, Parts: make(map[string][]byte)}}
	ctx, span := c.app.Operation(context.Background(), telemetry.OperationCheckpoint, semconv.CheckpointType(semconv.CheckpointTypeAligned))
	c.open.span = span
	for _, part := range c.parts {
		_, c.open.waiting[part] = c.app.Operation(ctx, telemetry.OperationComponent, semconv.StateComponent(part))
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
	if id := c.collecting.Load(); id != 0 {
		if _, waiting := c.open.waiting[part]; waiting {
			return id
		}
	}
	return 0
}

// Report hands over what part holds at the barrier of checkpoint id, or err, which fails the checkpoint. It does not
// wait for the disk, and ignores what comes twice or too late.
func (c *Coordinator) Report(id uint64, part string, blob []byte, err error) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == 0 || id != c.collecting.Load() {
		return
	}
	a := c.open
	if _, again := a.Parts[part]; again {
		return
	}
	span, waiting := a.waiting[part]
	if !waiting {
		err = cmp.Or(err, errors.New("it was not announced as a part"))
	}
	if err != nil {
		c.end(fmt.Errorf("could not take checkpoint %d: %q failed: %w", id, part, err))
		return
	}
	span.End()
	delete(a.waiting, part)
	if a.Parts[part] = blob; len(a.waiting) == 0 {
		c.end(nil)
	}
}

// Expire gives up a checkpoint that waits for reports longer than Timeout.
func (c *Coordinator) Expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	timeout := cmp.Or(c.Timeout, DefaultTimeout)
	if id := c.collecting.Load(); id != 0 && now.Sub(c.open.At) >= timeout {
		missing := slices.Sorted(maps.Keys(c.open.waiting))
		c.end(fmt.Errorf("could not take checkpoint %d: after %s no report of %q: %w", id, timeout, missing, ErrTimeout))
	}
}

// end closes the open checkpoint to reports, saves it unless err says why not, and tells everybody.
func (c *Coordinator) end(err error) {
	a := c.open
	a.Symbols = c.names.Names() // not earlier: the parts may refer to all of them
	c.collecting.Store(0)
	c.saving.Go(func() {
		if err == nil {
			err = c.store.Save(a.Checkpoint)
		}
		for _, span := range a.waiting {
			span.Fail(err)
			span.End()
		}
		a.span.Fail(err)
		a.span.End()
		c.metrics.Attempts(resultOf(err)).Inc()
		c.metrics.Duration(resultOf(err)).Observe(time.Since(a.At))
		c.metrics.Components(resultOf(err)).Observe(len(c.parts))
		c.metrics.InProgress().Add(-1)
		if err == nil {
			c.metrics.Size().Observe(int(c.store.size.Load()))
			c.success.Store(a.At.UnixNano())
			for _, tell := range c.onComplete {
				tell(a.ID)
			}
		} else {
			for _, tell := range c.onFail {
				tell(a.ID, err)
			}
		}
		c.mu.Lock()
		c.open = nil
		c.mu.Unlock()
	})
}

// Wait returns when no checkpoint is being saved.
func (c *Coordinator) Wait() { c.saving.Wait() }
