// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var opts = Options{Size: 6, Batch: 3, Interval: time.Second, Timeout: 5 * time.Second}

// sink collects batches and may be made to hang.
type sink struct {
	mu      sync.Mutex
	batches [][]int
	hang    chan struct{}
}

func (s *sink) export(ctx context.Context, batch []int) {
	if s.hang != nil {
		select {
		case <-s.hang:
		case <-ctx.Done():
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, batch)
}

func (s *sink) got() [][]int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches
}

func push(q *Queue[int], items ...int) (accepted int) {
	for _, item := range items {
		if q.Push(item) {
			accepted++
		}
	}
	return accepted
}

func TestAFullBatchGoesAtOnceTheRestAtTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		q := New(opts, s.export)
		push(q, 1, 2)
		assert.Empty(t, s.got())
		push(q, 3)
		assert.Equal(t, [][]int{{1, 2, 3}}, s.got())
		push(q, 4)
		assert.Equal(t, 1, q.Len())
		time.Sleep(opts.Interval)
		assert.Equal(t, [][]int{{1, 2, 3}, {4}}, s.got())
		require.NoError(t, q.Shutdown(t.Context()))
	})
}

func TestWhatDoesNotFitIsDroppedAndCountedWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{hang: make(chan struct{})}
		q := New(opts, s.export)
		push(q, 1, 2, 3)
		synctest.Wait() // the export hangs with these
		began := time.Now()
		assert.Equal(t, 6, push(q, 4, 5, 6, 7, 8, 9, 10, 11))
		assert.Zero(t, time.Since(began))
		assert.Equal(t, uint64(2), q.Dropped())
		assert.Equal(t, q.Cap(), q.Len())
		close(s.hang)
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, [][]int{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, s.got())
		require.NoError(t, q.Shutdown(t.Context()))
		assert.False(t, q.Push(12), "nothing enters after Shutdown")
		assert.Equal(t, uint64(3), q.Dropped())
		require.NoError(t, q.Flush(t.Context()), "and there is nothing to flush")
	})
}

func TestShutdownExportsWhatIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		q := New(opts, s.export)
		push(q, 1, 2)
		require.NoError(t, q.Shutdown(t.Context()))
		assert.Equal(t, [][]int{{1, 2}}, s.got())
	})
}

func TestShutdownReturnsAtItsDeadlineAndCountsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{hang: make(chan struct{})}
		q := New(opts, s.export)
		push(q, 1, 2, 3, 4, 5)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, q.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, 2*time.Second, time.Since(began))
		time.Sleep(opts.Timeout) // the export that was under way runs into its own
		synctest.Wait()
		assert.Equal(t, uint64(2), q.Dropped())
	})
}

func TestFlushReturnsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{hang: make(chan struct{})}
		q := New(opts, s.export)
		push(q, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		require.ErrorIs(t, q.Flush(ctx), context.DeadlineExceeded)
		require.ErrorIs(t, q.Flush(ctx), context.DeadlineExceeded, "also behind another one")
		close(s.hang)
		require.NoError(t, q.Shutdown(t.Context()))
	})
}

func TestManyProducersLoseNothingUncountedConcurrentSafe(t *testing.T) {
	s := &sink{}
	q := New(Options{Size: 64, Batch: 16, Interval: time.Millisecond, Timeout: time.Second}, s.export)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 5000 {
				q.Push(i)
			}
		})
	}
	wg.Wait()
	require.NoError(t, q.Shutdown(t.Context()))
	exported := uint64(0)
	for _, batch := range s.batches {
		exported += uint64(len(batch))
	}
	assert.Equal(t, uint64(20_000), exported+q.Dropped())
}
