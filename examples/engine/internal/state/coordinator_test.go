// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var start = time.Unix(1000, 0)

// Any order of reports, failures and time ends each checkpoint once, and the newest complete one is what comes back.
func TestEveryCheckpointEndsOnceWhateverTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	store := openStore(t, t.TempDir())
	for round := range 30 {
		var names event.Symbols
		parts := []string{"a", "b", "c", "d"}[:1+rng.IntN(4)]
		c := New(store, parts, &names, nil)
		if _, err := c.Recover(func(string, []byte) error { return nil }); err != nil && round > 0 {
			// A part is gone: start anew.
			store = openStore(t, t.TempDir())
			c = New(store, parts, &names, nil)
		}
		ended := map[uint64]string{}
		note := func(id uint64, how string) {
			if was, twice := ended[id]; twice {
				t.Errorf("checkpoint %d is %s and %s", id, was, how)
			}
			ended[id] = how
		}
		c.OnComplete = func(id uint64) { note(id, "complete") }
		c.OnFail = func(id uint64, err error) {
			if errors.Is(err, ErrTimeout) {
				note(id, "late")
			} else {
				note(id, "failed")
			}
		}
		now, id, want := start, uint64(0), ""
		waiting, complete := map[string]bool{}, uint64(0)
		for range 60 {
			now = now.Add(time.Duration(rng.IntN(5)) * time.Second)
			part := parts[rng.IntN(len(parts))]
			switch rng.IntN(10) {
			case 0, 1:
				next, ok := c.Begin(now)
				if ok == (want == "open") {
					t.Fatalf("begin %v while checkpoint %d is %s", ok, id, want)
				}
				if ok {
					id, want = next, "open"
					for _, p := range parts {
						waiting[p] = true
					}
				}
			case 2:
				c.Expire(now)
				if want == "open" && now.Sub(c.openedAt()) >= c.Timeout {
					want = "late"
				}
			case 3:
				c.Report(id-1, part, nil, errors.New("too late to matter"))
			case 4:
				c.Report(id, part, nil, errors.New("no"))
				if want == "open" && waiting[part] {
					want = "failed"
				}
			default:
				pending := c.Pending(part)
				if (pending != 0) != (want == "open" && waiting[part]) || pending != 0 && pending != id {
					t.Fatalf("pending %d, checkpoint %d is %s", pending, id, want)
				}
				c.Report(id, part, fmt.Appendf(nil, "%s %d", part, id), nil)
				delete(waiting, part)
				if want == "open" && len(waiting) == 0 {
					want, complete = "complete", id
				}
			}
			c.Wait()
			if want != "open" && id != 0 && ended[id] != want {
				t.Fatalf("checkpoint %d is %q, want %q", id, ended[id], want)
			}
			if want != "open" {
				clear(waiting)
			}
		}
		got, ok, err := store.Latest()
		if err != nil || complete > 0 && (!ok || got.ID != complete || len(got.Parts) != len(parts)) {
			t.Fatalf("round %d: checkpoint %d with %d parts, want %d with %d: %v", round, got.ID, len(got.Parts), complete, len(parts), err)
		}
		for part, blob := range got.Parts {
			if string(blob) != fmt.Sprintf("%s %d", part, got.ID) {
				t.Errorf("part %s is %q", part, blob)
			}
		}
	}
}

func (c *Coordinator) openedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current.At
}

func TestAnAbandonedCheckpointNamesWhoDidNotReport(t *testing.T) {
	var names event.Symbols
	c := New(openStore(t, t.TempDir()), []string{"quick", "slow", "stuck"}, &names, nil)
	c.Timeout = time.Minute
	var failed error
	c.OnFail = func(_ uint64, err error) { failed = err }
	id, _ := c.Begin(start)
	c.Report(id, "quick", nil, nil)
	c.Expire(start.Add(time.Minute - 1))
	if c.Wait(); failed != nil || c.Pending("slow") != id {
		t.Fatal("too early", failed)
	}
	c.Expire(start.Add(time.Minute))
	c.Wait()
	if !errors.Is(failed, ErrTimeout) || !strings.Contains(failed.Error(), `["slow" "stuck"]`) {
		t.Errorf("err = %v", failed)
	}
	if c.Pending("slow") != 0 {
		t.Error("an abandoned barrier must not be sent")
	}
}

func TestAPartThatNobodyAnnouncedFailsTheCheckpoint(t *testing.T) {
	var names event.Symbols
	c := New(openStore(t, t.TempDir()), []string{"a"}, &names, nil)
	var failed error
	c.OnFail = func(_ uint64, err error) { failed = err }
	id, _ := c.Begin(start)
	c.Report(id, "b", nil, nil)
	if c.Wait(); failed == nil || !strings.Contains(failed.Error(), `"b"`) {
		t.Errorf("err = %v: its state would be lost", failed)
	}
}

func TestRecoveryRestoresSymbolsFirstAndRefusesToLoseAPart(t *testing.T) {
	store := openStore(t, t.TempDir())
	var names event.Symbols
	c := New(store, []string{"a", "gone"}, &names, nil)
	if ok, err := c.Recover(nil); ok || err != nil {
		t.Fatal("nothing to recover", ok, err)
	}
	id, _ := c.Begin(start)
	c.Report(id, "a", []byte("A"), nil)
	_, _ = names.Intern("late") // the other part may refer to it
	c.Report(id, "gone", []byte("G"), nil)
	c.Wait()

	var fresh event.Symbols
	c = New(store, []string{"a", "gone", "new"}, &fresh, nil)
	var got []string
	ok, err := c.Recover(func(part string, blob []byte) error {
		got = append(got, part+string(blob)+fresh.Name(0))
		return nil
	})
	if !ok || err != nil || fmt.Sprint(got) != "[aAlate goneGlate]" {
		t.Errorf("ok %v, err %v, got %v", ok, err, got)
	}
	if next, _ := c.Begin(start); next != id+1 {
		t.Errorf("the next checkpoint is %d, want %d", next, id+1)
	}
	broken := errors.New("broken")
	for want, c := range map[string]*Coordinator{
		`checkpoint 1: the application has no part "gone"`: New(store, []string{"a"}, &event.Symbols{}, nil),
		`checkpoint 1: "a": `:                              New(store, []string{"a", "gone"}, &event.Symbols{}, nil),
	} {
		ok, err := c.Recover(func(string, []byte) error { return broken })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ok %v, err %v, want %s", ok, err, want)
		}
	}
}

func TestAFailedSaveFailsTheCheckpoint(t *testing.T) {
	store := openStore(t, t.TempDir())
	c := New(store, []string{"a"}, &event.Symbols{}, nil)
	var failed error
	c.OnFail = func(_ uint64, err error) { failed = err }
	_ = store.Close()
	id, _ := c.Begin(start)
	c.Report(id, "a", nil, nil)
	if c.Wait(); failed == nil || !strings.Contains(failed.Error(), "could not save") {
		t.Errorf("err = %v", failed)
	}
}

func TestACheckpointOfManyPartsConcurrentSafe(t *testing.T) {
	store, parts := openStore(t, t.TempDir()), []string{"a", "b", "c", "d"}
	c := New(store, parts, &event.Symbols{}, nil)
	var complete sync.WaitGroup
	c.OnComplete = func(uint64) { complete.Done() }
	stop := make(chan struct{})
	var sources sync.WaitGroup
	for _, part := range parts {
		sources.Go(func() {
			for {
				begun := c.Begun()
				if id := c.Pending(part); id != 0 {
					c.Report(id, part, []byte(part), nil)
				}
				select {
				case <-begun:
				case <-stop:
					return
				}
			}
		})
	}
	for range 20 {
		complete.Add(1)
		for {
			if _, ok := c.Begin(time.Now()); ok {
				break
			}
			c.Expire(time.Now())
		}
		complete.Wait()
	}
	close(stop)
	sources.Wait()
	c.Wait()
	if got, _, err := store.Latest(); err != nil || got.ID != 20 || len(got.Parts) != 4 {
		t.Errorf("checkpoint %d of %d parts, %v", got.ID, len(got.Parts), err)
	}
}

func BenchmarkPendingWhileNothingIs(b *testing.B) {
	c := New(nil, []string{"a"}, &event.Symbols{}, nil)
	for b.Loop() {
		if c.Pending("a") != 0 {
			b.Fatal("pending")
		}
	}
}
