// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

const perBatch = 100

// fan is one of the shipped configurations with two places for logs: a file
// and an OTLP backend that the test owns.
type fan struct {
	collector *run.Collector
	sender    *otlp.Sender
	backend   *otlp.Backend
	sent      []string
	refusals  int
}

// startFan starts the collector; the backend does not listen yet.
func startFan(t *testing.T, config, queueSize string) *fan {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	c := run.StartCollector(t, config, map[string]string{
		"EVENTFLUX_EXPORTER":      "otlp_grpc", // standalone
		"EVENTFLUX_OTLP_ENDPOINT": addr,        // standalone and gateway
		"EVENTFLUX_GATEWAY":       addr,        // agent
		"EVENTFLUX_QUEUE_SIZE":    queueSize,
	})
	return &fan{collector: c, sender: otlp.NewSender(t, c.Endpoint()), backend: otlp.NewBackend(addr)}
}

// send sends batches of perBatch records and retries what is refused, as every OTLP
// client does, until each is accepted or tries run out.
func (f *fan) send(t *testing.T, batches, tries int) (accepted int) {
	t.Helper()
	for range batches {
		ld, bodies := f.sender.Batch(perBatch)
		f.sent = append(f.sent, bodies...)
		for range tries {
			err := f.sender.Logs(t.Context(), ld)
			if err == nil {
				accepted++
				break
			}
			require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
			f.refusals++
			time.Sleep(20 * time.Millisecond) // a client's back-off
		}
	}
	return accepted
}

// filed returns how often each record is in the file.
func (f *fan) filed(t *testing.T) map[string]int {
	t.Helper()
	logs, err := recorded.Logs(filepath.Join(f.collector.DataDir, "logs.jsonl"))
	require.NoError(t, err)
	seen := map[string]int{}
	for _, l := range logs {
		seen[l.Body().AsString()]++
	}
	return seen
}

// complete reports whether every record that was sent is in seen, and how many
// copies too many there are.
func (f *fan) complete(seen map[string]int) (all bool, repeats int) {
	for _, body := range f.sent {
		if seen[body] == 0 {
			return false, 0
		}
		repeats += seen[body] - 1
	}
	return true, repeats
}

func (f *fan) assertComplete(t *testing.T, where string, seen func() map[string]int) (repeats int) {
	t.Helper()
	run.Eventually(t, "all records are at "+where, func() bool {
		var all bool
		all, repeats = f.complete(seen())
		return all
	})
	return repeats
}

func TestTwoExportersDoNotHurtEachOther(t *testing.T) {
	for _, config := range []string{"standalone", "agent", "gateway"} {
		t.Run(config+"/dead, then back", func(t *testing.T) {
			f := startFan(t, config, "100000")
			assert.Equal(t, 20, f.send(t, 20, 1), "the queue has room, so nothing is refused")
			inFile := func() map[string]int { return f.filed(t) }
			assert.Zero(t, f.assertComplete(t, "the file", inFile), "the healthy exporter doubles nothing")

			f.backend.Start(t)
			assert.Zero(t, f.assertComplete(t, "the backend", f.backend.Seen))
		})
		t.Run(config+"/slow", func(t *testing.T) {
			f := startFan(t, config, "100000")
			f.backend.Delay.Store(int64(300 * time.Millisecond))
			f.backend.Start(t)
			assert.Equal(t, 20, f.send(t, 20, 1))
			inFile := func() map[string]int { return f.filed(t) }
			assert.Zero(t, f.assertComplete(t, "the file", inFile))
			assert.Zero(t, f.assertComplete(t, "the backend", f.backend.Seen))
		})
		t.Run(config+"/full", func(t *testing.T) {
			// The smallest queue there is: one request to the backend. Some 20
			// batches fill it, and a few more are on their way.
			f := startFan(t, config, "2000")
			accepted := f.send(t, 60, 2)
			assert.Less(t, accepted, 60)
			assert.Positive(t, f.refusals)
			inFile := func() map[string]int { return f.filed(t) }
			repeats := f.assertComplete(t, "the file", inFile)
			t.Logf("%d of 60 batches accepted, %d refusals, %d repeats in the file", accepted, f.refusals, repeats)
			assert.LessOrEqual(t, repeats, perBatch*f.refusals, "only a refused batch is repeated")
		})
	}
}

// What was accepted waits on disk: a crash repeats some of it, and loses none.
func TestACrashLosesNothingAccepted(t *testing.T) {
	for _, config := range []string{"agent", "gateway"} {
		t.Run(config, func(t *testing.T) {
			addr := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
			env := map[string]string{"EVENTFLUX_OTLP_ENDPOINT": addr, "EVENTFLUX_GATEWAY": addr}
			c := run.NewCollector(t)
			c.Launch(config, env)
			c.WaitReady()
			f := &fan{collector: c, sender: otlp.NewSender(t, c.Endpoint()), backend: otlp.NewBackend(addr)}
			require.Equal(t, 20, f.send(t, 20, 1))
			c.Kill()

			f.backend.Start(t)
			c.Launch(config, env)
			c.WaitReady()
			repeats := f.assertComplete(t, "the backend", f.backend.Seen)
			t.Logf("%d repeats", repeats)
		})
	}
}
