// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

// Senders send and repeat, checkpoints begin, complete and are abandoned, and in the middle of it, between any two
// publications, everything stops and goes on from a copy of the files.
func TestNoCrashLosesOrDoublesWhatWasAcknowledged(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 8 {
		dir, acknowledged := t.TempDir(), map[string]uint64{}
		if err := os.WriteFile(filepath.Join(dir, "out"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			live(t, rng, dir, acknowledged, 20+rng.IntN(40))
			check(t, copied(t, dir), nil) // also before it recovers, no line is torn
			dir = copied(t, dir)
		}
		p, err := openPipeline(dir, LogConfig{})
		if err != nil {
			t.Fatal(err)
		}
		stop, cancel := context.WithCancel(context.Background())
		cancel()
		if err := p.log.Run(context.Background(), stop, p.publish, p.c); err != nil {
			t.Fatal(err)
		}
		p.close()
		check(t, dir, acknowledged)
	}
}

// live runs a pipeline until it has published a number of messages and barriers, or all that there is to do is done.
func live(t *testing.T, rng *rand.Rand, dir string, acknowledged map[string]uint64, steps int) {
	t.Helper()
	p, err := openPipeline(dir, LogConfig{})
	if err != nil {
		t.Fatal(err)
	}
	run, crash := context.WithCancel(context.Background())
	defer crash()
	left := rng.IntN(steps)
	var running sync.WaitGroup
	running.Go(func() {
		_ = p.log.Run(run, context.Background(), func(ctx context.Context, m junction.Message) error {
			if left--; left < 0 {
				crash()
				return context.Canceled
			}
			return p.publish(ctx, m)
		}, p.c)
	})
	now := start
	for range steps {
		now = now.Add(time.Second)
		from := string(rune('a' + rng.IntN(3)))
		switch rng.IntN(8) {
		case 0, 1:
			p.c.Begin(now)
		case 2:
			p.c.Expire(now)
		case 3: // an acknowledgement that got lost
			if n := acknowledged[from]; n > 0 {
				if err := p.log.Take(context.Background(), message(&p.names, from, n), from, n); err != nil {
					t.Error(err)
				}
			}
		default:
			n := acknowledged[from] + 1
			if err := p.log.Take(context.Background(), message(&p.names, from, n), from, n); err != nil {
				t.Error(err)
			}
			acknowledged[from] = n
		}
	}
	crash()
	running.Wait()
	p.c.Wait()
	t.Cleanup(p.close) // after the files were copied
}

const (
	childMark   = "STATE_TEST_CHILD"
	childSender = 4
	final       = 40 // messages of each sender
)

// child is an engine that gets killed. It works where it is started, its senders begin after the sequences in its environment, and what is
// acknowledged is on its standard output.
func child() {
	p, err := openPipeline(".", LogConfig{Limit: 2000})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	stop, cancel := context.WithCancel(context.Background())
	var senders, running sync.WaitGroup
	running.Go(func() {
		if err := p.log.Run(context.Background(), stop, p.publish, p.c); err != nil {
			fmt.Println("error", err)
		}
	})
	running.Go(func() {
		for tick := time.NewTicker(3 * time.Millisecond); stop.Err() == nil; <-tick.C {
			p.c.Begin(time.Now())
			p.c.Expire(time.Now())
		}
	})
	for i := range childSender {
		from := fmt.Sprint("s", i)
		senders.Go(func() {
			last, _ := strconv.ParseUint(os.Getenv(from), 10, 64)
			for n := last + 1; n <= final; n++ {
				if err := p.log.Take(context.Background(), message(&p.names, from, n), from, n); err != nil {
					fmt.Println("error", err)
				}
				fmt.Println(from, n)
			}
		})
	}
	senders.Wait()
	cancel()
	running.Wait()
	p.close()
	fmt.Println("done")
}

// The real thing: a process is killed at any moment, until one of them gets to the end.
func TestAKilledProcessLosesAndDoublesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	dir, acknowledged := t.TempDir(), map[string]uint64{}
	kills := 0
	for done := false; !done; kills++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childMark+"=1")
		cmd.Dir = dir
		for from, n := range acknowledged {
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", from, n))
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, left := bufio.NewScanner(out), rng.IntN(30)
		for lines.Scan() {
			from, n, _ := strings.Cut(lines.Text(), " ")
			switch from {
			case "error":
				t.Error(n)
			case "done":
				done = true
			default:
				acknowledged[from], _ = strconv.ParseUint(n, 10, 64)
			}
			if left--; left == 0 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if t.Failed() {
			return
		}
	}
	for i := range childSender {
		if n := acknowledged[fmt.Sprint("s", i)]; n != final {
			t.Errorf("sender %d got to %d", i, n)
		}
	}
	check(t, dir, acknowledged)
	t.Logf("%d processes: %v", kills, maps.Collect(maps.All(acknowledged)))
}
