// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cpushare

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

func entry() *Entry {
	return &Entry{Busy: &cells.Counter{}, CPU: &cells.Counter{}}
}

func TestCPUIsSharedInProportionToBusyTime(t *testing.T) {
	l, a, b := NewLedger(10*time.Second), entry(), entry()
	a.Busy.Add(int64(time.Hour)) // before it was opened
	l.Open(a)
	l.Open(b)
	a.Busy.Add(int64(3 * time.Second))
	b.Busy.Add(int64(time.Second))
	l.Settle(12 * time.Second)
	assert.Equal(t, int64(1500*time.Millisecond), a.CPU.Load())
	assert.Equal(t, int64(500*time.Millisecond), b.CPU.Load())

	b.Busy.Add(1)
	l.Settle(13 * time.Second)
	assert.Equal(t, int64(1500*time.Millisecond), a.CPU.Load(), "it was idle")
	assert.Equal(t, int64(1500*time.Millisecond), b.CPU.Load())
}

func TestTimeInWhichNobodyWasBusyIsNobodys(t *testing.T) {
	l, a := NewLedger(0), entry()
	l.Open(a)
	l.Settle(time.Second)
	a.Busy.Add(1)
	l.Settle(time.Second)
	assert.Zero(t, a.CPU.Load(), "neither before it was busy nor while the process used nothing")
}

func TestAClosedEntryTakesPartOnceMore(t *testing.T) {
	l, a := NewLedger(0), entry()
	l.Open(a)
	a.Busy.Add(1)
	l.Close(a)
	l.Settle(time.Second)
	assert.Equal(t, int64(time.Second), a.CPU.Load())
	a.Busy.Add(1)
	l.Settle(time.Minute)
	assert.Equal(t, int64(time.Second), a.CPU.Load())
	assert.Empty(t, l.entries)
}

func TestTheSharesAddUpToTheProcess(t *testing.T) {
	l, used := NewLedger(0), time.Duration(0)
	entries := make([]*Entry, 50)
	for i := range entries {
		entries[i] = entry()
		l.Open(entries[i])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		for _, e := range entries {
			e.Busy.Add(rng.Int64N(int64(time.Second)))
		}
		used += time.Duration(rng.Int64N(int64(10 * time.Second)))
		l.Settle(used)
	}
	var sum int64
	for _, e := range entries {
		sum += e.CPU.Load()
	}
	assert.InEpsilon(t, int64(used), sum, 1e-6)
}
