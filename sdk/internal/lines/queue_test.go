// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// losses remembers what a queue said it lost.
type losses struct {
	mu    sync.Mutex
	lines int
	why   []error
}

func (l *losses) lost(lines int, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines += lines
	if why != nil {
		l.why = append(l.why, why)
	}
}

func TestLinesKeepTheirOrderConcurrentSafe(t *testing.T) {
	var out bytes.Buffer
	var lost losses
	q := New(&out, 1<<20, lost.lost)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 500 {
				_, err := fmt.Fprintf(q, "%d %d\n", worker, i)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, q.Flush(t.Context()))
	next := map[int]int{}
	for line := range strings.Lines(out.String()) {
		var worker, i int
		_, err := fmt.Sscanf(line, "%d %d\n", &worker, &i)
		require.NoError(t, err, "lines do not mix")
		require.Equal(t, next[worker], i)
		next[worker]++
	}
	assert.Equal(t, map[int]int{0: 500, 1: 500, 2: 500, 3: 500}, next)
	assert.Zero(t, lost.lines)
}

func TestAHangingWriterBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe() // nobody reads
		var lost losses
		q := New(writer, 100, lost.lost)
		line := []byte("123456789\n")
		require.NoError(t, q.WriteLevel(slog.LevelInfo, line))
		synctest.Wait() // the writer hangs now
		for range 50 {
			require.NoError(t, q.WriteLevel(slog.LevelInfo, line))
		}
		assert.Equal(t, 43, lost.lines, "three quarters hold seven lines")
		for range 50 {
			require.NoError(t, q.WriteLevel(slog.LevelError, line))
		}
		assert.Equal(t, 43+47, lost.lines, "errors may use the rest")
		assert.Equal(t, []error{ErrFull}, lost.why, "said once")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := q.Flush(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "could not write the last 11 lines of the local log in time: context deadline exceeded")

		go func() { _, _ = io.Copy(io.Discard, reader) }()
		require.NoError(t, q.Flush(t.Context()), "it goes on where it stopped")
		for range 50 {
			require.NoError(t, q.WriteLevel(slog.LevelInfo, line))
			require.NoError(t, q.Flush(t.Context()))
		}
		assert.Equal(t, 90, lost.lines)
		require.NoError(t, writer.Close())
	})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) {
	if f.err == nil {
		panic("torn down")
	}
	return 0, f.err
}

func TestAWriterThatFailsOrPanicsLosesItsLines(t *testing.T) {
	full := errors.New("no space left on device")
	for _, test := range []struct {
		err  error
		want string
	}{{full, "could not write the local log: no space left on device"}, {nil, "could not write the local log: panic: torn down"}} {
		var lost losses
		q := New(failing{test.err}, 100, lost.lost)
		_, err := q.Write([]byte("x\n"))
		require.NoError(t, err)
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, 1, lost.lines)
		require.EqualError(t, errors.Join(lost.why...), test.want)
	}
}

func TestAfterCloseLinesAreLost(t *testing.T) {
	var lost losses
	q := New(io.Discard, 100, lost.lost)
	q.Close()
	_, err := q.Write([]byte("x\n"))
	require.NoError(t, err)
	assert.Equal(t, []error{ErrClosed}, lost.why)
	require.NoError(t, q.Flush(t.Context()))
	var none *Queue
	none.Close()
	require.NoError(t, none.Flush(t.Context()))
}

func TestABurstDoesNotPinItsMemory(t *testing.T) {
	const limit = 8 << 20
	q := New(io.Discard, limit, func(int, error) {})
	_, _ = q.Write(make([]byte, 4<<20))
	require.NoError(t, q.Flush(t.Context()))
	_, _ = q.Write([]byte("x\n"))
	require.NoError(t, q.Flush(t.Context()))
	q.mu.Lock()
	defer q.mu.Unlock()
	assert.LessOrEqual(t, cap(q.waiting.bytes)+cap(q.spare.bytes), limit/2)
}

func BenchmarkWrite(b *testing.B) {
	line := []byte(strings.Repeat("x", 199) + "\n")
	q := New(io.Discard, 4<<20, func(int, error) {})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Write(line)
	}
	_ = q.Flush(b.Context())
}
