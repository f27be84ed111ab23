// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// alone starts an application in one process that nobody observes.
func alone(t *testing.T, args ...string) *run.Process {
	t.Helper()
	args = append([]string{"run"}, append(args, "--drain-period", "0")...)
	return run.Start(t, "engine", run.Binary(t, "eventflux-engine"), args, map[string]string{"OTEL_SDK_DISABLED": "true"})
}

// durableReplay are the arguments of a replay that goes on after a crash, with everything in dir.
func durableReplay(file, dir string, more ...string) []string {
	return append([]string{
		"--set", "source=csv", "--set", "replay=" + file, "--set", "window=24h", "--set", "sliding=20", "--set", "threshold=0.05",
		"--set", "sink=" + filepath.Join(dir, "alerts.jsonl"), "--set", "state=" + filepath.Join(dir, "state"), "--set", "checkpoint=50ms",
	}, more...)
}

// uninterrupted is what a replay writes if nobody kills it.
func uninterrupted(t *testing.T, file string) []byte {
	t.Helper()
	dir := t.TempDir()
	require.Zero(t, alone(t, durableReplay(file, dir, "--rate", "0")...).Wait())
	return alerts(t, dir)
}

func alerts(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "alerts.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, text)
	return text
}

// grows waits until the alerts in dir are more.
func grows(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "alerts.jsonl")
	more := size(path) + 2000
	run.Eventually(t, "the engine has written more", func() bool { return size(path) > more })
}

func TestAReplayThatIsKilledAgainAndAgainGivesTheSameAlerts(t *testing.T) {
	file, dir := replayFile(t), t.TempDir()
	want := uninterrupted(t, file)
	const kills = 4
	for range kills {
		engine := alone(t, durableReplay(file, dir, "--rate", "20000")...)
		grows(t, dir)
		engine.Kill()
	}
	last := alone(t, durableReplay(file, dir, "--rate", "0")...)
	require.Zero(t, last.Wait())
	assert.NotContains(t, last.Output(), `"events.read":44902`, "it goes on where a checkpoint was")
	assertSame(t, want, alerts(t, dir))
}

func assertSame(t *testing.T, want, got []byte) {
	t.Helper()
	assert.True(t, bytes.Equal(want, got), "%d bytes were written without kills, %d with: %s", len(want), len(got), difference(want, got))
}

func TestTwoNodesThatAreKilledInTurnGiveTheSameAlerts(t *testing.T) {
	for _, protocol := range []string{"grpc", "tcp"} {
		t.Run(protocol, func(t *testing.T) {
			file, dir := replayFile(t), t.TempDir()
			want := uninterrupted(t, file)
			link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
			startA := func(rate string) *run.Process {
				return alone(t, durableReplay(file, dir, "--node", "a", "--peers", "b="+link, "--protocol", protocol, "--rate", rate)...)
			}
			startB := func() *run.Process {
				return alone(t, durableReplay(file, dir, "--node", "b", "--listen", link, "--protocol", protocol)...)
			}
			a, b := startA("10000"), startB()
			for range 2 {
				grows(t, dir)
				b.Kill()
				b = startB()
				grows(t, dir)
				a.Kill()
				a = startA("10000")
			}
			a.Kill()
			require.Zero(t, startA("0").Wait())
			run.Eventually(t, "the end of the input has passed node b", func() bool {
				return strings.Contains(b.Output(), "totals at the end of the input")
			})
			require.Zero(t, b.Stop())
			assertSame(t, want, alerts(t, dir))
		})
	}
}

// difference says where two files begin to differ.
func difference(want, got []byte) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("they differ at %d", i)
		}
	}
	return "one begins like the other"
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// client posts orders, each until it is acknowledged.
type client struct {
	url, name string
	acked     int // order that was acknowledged last
}

// post sends the next order. An answer other than 202, or none, leaves it for the next call.
func (c *client) post() {
	body := fmt.Sprintf(`{"item":%q,"number":%d}`, c.name, c.acked+1)
	request, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Sender", c.name)
	request.Header.Set("X-Sequence", strconv.Itoa(c.acked+1))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if response.StatusCode == http.StatusAccepted {
		c.acked++
	}
}

func TestEveryAcknowledgedOrderSurvivesKills(t *testing.T) {
	dir, listen := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	sink := filepath.Join(dir, "orders.jsonl")
	start := func() *run.Process {
		engine := alone(t, filepath.Join(run.Root(t), "test", "e2e", "testdata", "orders.toml"),
			"--set", "state="+filepath.Join(dir, "state"), "--set", "sink="+sink, "--set", "listen="+listen)
		run.Eventually(t, "the engine listens", func() bool { return strings.Contains(engine.Output(), "source listens") })
		return engine
	}
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = &client{url: "http://" + listen + "/orders", name: fmt.Sprintf("client-%d", i)}
	}
	const kills = 4
	for range kills {
		engine := start()
		stop := make(chan struct{})
		var posting sync.WaitGroup
		for _, c := range clients {
			posting.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						c.post()
					}
				}
			})
		}
		grown := size(sink) + 4000
		run.Eventually(t, "orders come out", func() bool { return size(sink) > grown })
		engine.Kill()
		close(stop)
		posting.Wait()
	}
	engine := start()
	total := 0
	for _, c := range clients {
		c.post() // the one that may be on disk without an answer
		total += c.acked
	}
	run.Eventually(t, "all orders are out", func() bool { return lines(t, sink) >= total })
	require.Zero(t, engine.Stop())
	checkOrders(t, sink, clients)
	t.Logf("%d orders, %d kills", total, kills)
}

func lines(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Count(string(text), "\n")
}

// checkOrders wants every acknowledged order once and in its sender's order.
func checkOrders(t *testing.T, path string, clients []*client) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	last := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var order struct {
			Item   string
			Number int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &order))
		require.Equal(t, last[order.Item]+1, order.Number, "after order %d of %s", last[order.Item], order.Item)
		last[order.Item] = order.Number
	}
	for _, c := range clients {
		assert.Equal(t, c.acked, last[c.name], c.name)
	}
}
