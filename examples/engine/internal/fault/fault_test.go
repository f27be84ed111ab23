// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *Set { return &Set{Logger: slog.New(slog.DiscardHandler)} }

func parse(t *testing.T, text string) *Fault {
	t.Helper()
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFaultsAreReadFromText(t *testing.T) {
	tests := map[string]*Fault{
		"slow_sink":                {Kind: SlowSink, Value: "200ms", amount: 200 * time.Millisecond},
		"slow_sink=1s@10s+30s":     {Kind: SlowSink, Value: "1s", amount: time.Second, After: 10 * time.Second, For: 30 * time.Second},
		"full_buffer+1m":           {Kind: FullBuffer, Value: "5ms", amount: 5 * time.Millisecond, For: time.Minute},
		"stuck_checkpoint@1.5s":    {Kind: StuckCheckpoint, Value: "24h", amount: 24 * time.Hour, After: 1500 * time.Millisecond},
		"clock_step=-5m+30s":       {Kind: ClockStep, Value: "-5m", amount: -5 * time.Minute, For: 30 * time.Second},
		"clock_step=+1h":           {Kind: ClockStep, Value: "+1h", amount: time.Hour},
		"clock_step=+1h@2s+3s":     {Kind: ClockStep, Value: "+1h", amount: time.Hour, After: 2 * time.Second, For: 3 * time.Second},
		"failing_query=7":          {Kind: FailingQuery, Value: "7", amount: 7},
		"lost_peer+10s":            {Kind: LostPeer, Value: "1", amount: 1, For: 10 * time.Second},
		"burst=20@1m":              {Kind: Burst, Value: "20", amount: 20, After: time.Minute},
		"memory_growth=64":         {Kind: MemoryGrowth, Value: "64", amount: 64},
		"label_explosion=500+1h5m": {Kind: LabelExplosion, Value: "500", amount: 500, For: 65 * time.Minute},
	}
	for text, want := range tests {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if f.Kind != want.Kind || f.Value != want.Value || f.amount != want.amount || f.After != want.After || f.For != want.For {
			t.Errorf("%s was read as %s=%s@%s+%s, %d", text, f.Kind, f.Value, f.After, f.For, f.amount)
		}
	}
	for k := SlowSink; k <= LabelExplosion; k++ {
		if f := parse(t, k.String()); f.Kind != k {
			t.Errorf("kind %d is called %s, which is kind %d", k, k, f.Kind)
		}
	}
}

func TestFaultsThatCannotBeReadSayHowTheyShouldLook(t *testing.T) {
	for text, want := range map[string]string{
		"": "label_explosion=10000", "slow": "slow_sink=200ms, full_buffer=5ms", "slow sink": "want kind=value@start+duration", "=5": "want kind=value",
		"slow_sink=5": "slow_sink=200ms@10s+30s", "slow_sink=0s": "something like", "slow_sink=-1s": "something like", "slow_sink=": "want kind",
		"burst=10s": "something like burst=10", "burst=0": "something like", "burst=x": "something like", "failing_query=0": "something like",
		"failing_query=1e3": "something like", "slow_sink@soon": "want kind", "slow_sink@10": "something like", "slow_sink+9": "something like",
		"slow_sink=1s+2s@3s": "something like", "label_explosion=0.5": "something like", "memory_growth=64MiB": "something like",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want it to say %q", text, err, want)
		}
	}
}

func TestFaultsBeginAndEndWhenTheyShallAndSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &Set{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s.Start(parse(t, "burst=3@10s+5s"))
		s.Start(parse(t, "lost_peer"))
		time.Sleep(time.Second / 2)
		for i := range 20 { // in the middle of each second
			if want := i >= 10 && i < 15; (s.get(Burst) != nil) != want {
				t.Errorf("after %d.5 s: active is %v", i, s.get(Burst) != nil)
			}
			time.Sleep(time.Second)
		}
		if s.get(LostPeer) == nil {
			t.Error("a fault without a duration has ended by itself")
		}
		s.Stop(LostPeer)
		s.Stop(LostPeer)
		if s.get(LostPeer) != nil || len(s.List()) != 0 {
			t.Error("stopping did not help")
		}
		for _, line := range []string{
			"fault begins\" fault=burst value=3 for=5s", "fault ends\" fault=burst", "fault begins\" fault=lost_peer value=1 for=0s", "fault ends\" fault=lost_peer",
		} {
			if n := strings.Count(log.String(), line); n != 1 {
				t.Errorf("the log has %q %d times:\n%s", line, n, log.String())
			}
		}
	})
}

func TestALaterFaultOfAKindReplacesTheEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quiet()
		s.Start(parse(t, "burst=2+10s"))
		s.Start(parse(t, "burst=5@5s+10s"))
		time.Sleep(6 * time.Second)
		if got := s.Rate(100); got != 500 {
			t.Errorf("rate %v, want five times", got)
		}
		time.Sleep(6 * time.Second) // the end of the first one has passed
		if on := s.List(); len(on) != 1 || on[0].Value != "5" {
			t.Errorf("%v is on, want the second one", on)
		}
		time.Sleep(4 * time.Second)
		if s.get(Burst) != nil || s.Rate(100) != 100 {
			t.Error("the second one has not ended")
		}
	})
}

func TestHoldEndsByItsValueTheFaultOrTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quiet()
		took := func(ctx context.Context, k Kind) time.Duration {
			begin := time.Now()
			s.Hold(ctx, k)
			return time.Since(begin)
		}
		if d := took(t.Context(), SlowSink); d != 0 {
			t.Errorf("held for %s without a fault", d)
		}
		s.Start(parse(t, "slow_sink=200ms"))
		s.Start(parse(t, "stuck_checkpoint+1m"))
		if d := took(t.Context(), SlowSink); d != 200*time.Millisecond {
			t.Errorf("held for %s, want the value", d)
		}
		if d := took(t.Context(), FullBuffer); d != 0 {
			t.Errorf("another kind held for %s", d)
		}
		if d := took(t.Context(), StuckCheckpoint); d != time.Minute-200*time.Millisecond {
			t.Errorf("held for %s, want until the fault ends", d)
		}
		s.Start(parse(t, "stuck_checkpoint"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if d := took(ctx, StuckCheckpoint); d != time.Second {
			t.Errorf("held for %s, want until the context ends", d)
		}
		go func() {
			time.Sleep(3 * time.Second)
			s.Start(parse(t, "stuck_checkpoint=1s"))
		}()
		if d := took(t.Context(), StuckCheckpoint); d != 3*time.Second {
			t.Errorf("held for %s, want until another fault comes", d)
		}
	})
}

func TestRowsAndPeersFailAsOftenAsTheValueSays(t *testing.T) {
	s := quiet()
	fails := func(k Kind, n int) (failed []int) {
		for i := range n {
			if err := s.Fail(k); err != nil {
				failed = append(failed, i+1)
			}
		}
		return failed
	}
	if got := fails(FailingQuery, 10); got != nil {
		t.Errorf("rows %v failed without a fault", got)
	}
	s.Start(parse(t, "failing_query=3"))
	s.Start(parse(t, "lost_peer"))
	if got := fails(FailingQuery, 10); !slices.Equal(got, []int{3, 6, 9}) {
		t.Errorf("rows %v failed, want every third", got)
	}
	if got := fails(LostPeer, 2); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("attempts %v failed, want all", got)
	}
	if err := s.Fail(LostPeer); err == nil || !strings.Contains(err.Error(), "lost_peer=1") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheClockIsOffInBothDirections(t *testing.T) {
	s, now := quiet(), time.Now()
	s.Start(parse(t, "clock_step=-90s"))
	if got := s.Clock(now); !got.Equal(now.Add(-90 * time.Second)) {
		t.Errorf("the clock shows %s at %s", got, now)
	}
	s.Start(parse(t, "clock_step"))
	if got := s.Clock(now); !got.Equal(now.Add(5 * time.Minute)) {
		t.Errorf("the clock shows %s at %s", got, now)
	}
	s.Stop(ClockStep)
	if got := s.Clock(now); !got.Equal(now) {
		t.Errorf("the clock shows %s at %s", got, now)
	}
}

func TestMemoryGrowsUpToTheValueAndIsFreed(t *testing.T) {
	s := quiet()
	s.Grow()
	if s.hoard != nil {
		t.Error("memory grew without a fault")
	}
	s.Start(parse(t, "memory_growth=3"))
	for range 5 {
		s.Grow()
	}
	if len(s.hoard) != 3 || len(s.hoard[2]) != 1<<20 {
		t.Errorf("%d pieces, want 3 MiB", len(s.hoard))
	}
	s.Stop(MemoryGrowth)
	s.Grow()
	if s.hoard != nil {
		t.Error("the memory is still held")
	}
}

func TestLabelsAreDistinctUpToTheValue(t *testing.T) {
	s := quiet()
	if v, ok := s.Label(); ok || v != "" {
		t.Errorf("got label %q without a fault", v)
	}
	s.Start(parse(t, "label_explosion=50"))
	seen := map[string]int{}
	for range 150 {
		v, ok := s.Label()
		if !ok {
			t.Fatal("the supply has ended")
		}
		seen[v]++
	}
	if len(seen) != 50 || seen["exploded-7"] != 3 {
		t.Errorf("%d labels, want 50 and each three times", len(seen))
	}
}

func TestANilSetDoesNoHarmAndAskingAllocatesNothing(t *testing.T) {
	now := time.Now()
	for name, s := range map[string]*Set{"nil": nil, "empty": quiet()} {
		n := testing.AllocsPerRun(100, func() {
			s.Hold(t.Context(), SlowSink)
			s.Grow()
			_, labelled := s.Label()
			if s.get(Burst) != nil || s.Fail(FailingQuery) != nil || s.Rate(5) != 5 || !s.Clock(now).Equal(now) || labelled {
				t.Error("something went wrong")
			}
		})
		if n > 1 { // t.Context may allocate
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestFaultsMayBeChangedWhileTheyAreAskedForConcurrentSafe(t *testing.T) {
	s := quiet()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 200 {
				f, err := Parse("failing_query=2+1us")
				if err != nil {
					t.Error(err)
					return
				}
				s.Start(f)
				s.Start(&Fault{Kind: SlowSink, amount: time.Millisecond, ended: make(chan struct{})})
				s.Stop(SlowSink)
			}
		})
		wg.Go(func() {
			for range 200 {
				_ = s.Fail(FailingQuery)
				s.Hold(t.Context(), SlowSink)
				_ = s.List()
			}
		})
	}
	wg.Wait()
	for range 2 {
		s.Stop(FailingQuery)
		s.Stop(SlowSink)
	}
	if on := s.List(); len(on) != 0 {
		t.Errorf("%d faults are left", len(on))
	}
}

func BenchmarkAsk(b *testing.B) {
	s := quiet()
	for b.Loop() {
		if s.Fail(FailingQuery) != nil {
			b.Fatal("failed")
		}
	}
}
