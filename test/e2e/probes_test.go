// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// probe follows the rules of a kubelet: a connection of its own for every request, an answer
// within a second, 200 to 399 is success, and three failures in a row change its mind. It
// asks more often after life, so that nothing goes unnoticed.
type probe struct {
	failed  atomic.Int64 // in all
	why     atomic.Pointer[string]
	refused atomic.Int64 // of which nobody listened
	minds   atomic.Int64 // changes of mind for the worse
	ok      atomic.Bool
	body    func(string) // sees every answer that is a success
}

const (
	shortestPeriod   = time.Second // of a kubelet
	often            = 50 * time.Millisecond
	failureThreshold = 3
)

// startProbe asks until the test ends, or stop.
func startProbe(t *testing.T, c *run.Collector, period time.Duration, path string, body func(string)) (p *probe, stop func()) {
	t.Helper()
	p = &probe{body: body}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithCancel(context.Background())
	var probing sync.WaitGroup
	probing.Go(func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		inARow := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if p.ask(ctx, client, fmt.Sprintf("http://127.0.0.1:%d%s", c.Health, path)) {
				inARow = 0
				p.ok.Store(true)
			} else if inARow++; inARow == failureThreshold && p.ok.Swap(false) {
				p.minds.Add(1)
			}
		}
	})
	stop = func() { cancel(); probing.Wait() }
	t.Cleanup(stop)
	return p, stop
}

func (p *probe) fail(why string) {
	p.failed.Add(1)
	p.why.Store(&why)
}

// last says why the last failure was one.
func (p *probe) last() string {
	if why := p.why.Load(); why != nil {
		return *why
	}
	return ""
}

func (p *probe) ask(ctx context.Context, client *http.Client, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			p.fail(err.Error())
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			p.refused.Add(1)
		}
		return false
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode < 200 || response.StatusCode >= 400 {
		p.fail(fmt.Sprintf("%d %s %v", response.StatusCode, text, err))
		return false
	}
	if p.body != nil {
		p.body(string(text))
	}
	return true
}

func TestProbesOfAKubeletThroughTheLifeOfACollector(t *testing.T) {
	t.Parallel()
	c := run.NewCollector(t)
	readiness, stopReadiness := startProbe(t, c, shortestPeriod, "/ready", nil)
	c.Launch("gateway", map[string]string{"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1"})
	run.Eventually(t, "the pod is ready", readiness.ok.Load)
	liveness, stopLiveness := startProbe(t, c, often, "/live", nil) // as after a startup probe

	// An engine in a pod of its own, whose probes ask this collector.
	e := run.NewEngine{Endpoint: c.Endpoint()}.Start(t)
	engineReady, stopEngineReady := startProbe(t, c, often, "/ready?engine=node-b", nil)
	engineLive, stopEngineLive := startProbe(t, c, often, "/live?engine=node-b", nil)
	run.Eventually(t, "the engine is ready", engineReady.ok.Load)
	run.Eventually(t, "the engine lives", engineLive.ok.Load)
	e.B.Kill()
	run.Eventually(t, "the engine's pod is restarted", func() bool { return engineLive.minds.Load() == 1 && engineReady.minds.Load() == 1 })
	eventuallyHealth(t, c, `"status":"degraded"`, "(instance node-b) is silent")
	assert.Zero(t, readiness.minds.Load(), "the death of an engine is no reason to send work elsewhere")
	stopEngineReady()
	stopEngineLive()

	eventuallyAsked(t, c, "/health?verbose&exclude=query_runtime", `"state_backend":"ok"`, `"storage":{"storage":"file_storage/queue","took_seconds":`)

	for range 3 {
		reload(t, c)
	}
	assert.Zero(t, liveness.failed.Load(), liveness.last())
	assert.Zero(t, readiness.minds.Load(), "a reload is too short to be noticed")

	c.Signal(syscall.SIGTERM)
	run.Eventually(t, "the pod is not ready", func() bool { return readiness.minds.Load() == 1 })
	for c.Running() {
		if code, _ := c.Probe("/live"); code != http.StatusOK && c.Running() {
			assert.Equal(t, 0, code, "while it runs it lives; when it ends, nobody listens")
		}
	}
	stopLiveness()
	stopReadiness()
	assert.LessOrEqual(t, liveness.failed.Load()-liveness.refused.Load(), int64(1), "one may stand at the door when it closes: "+liveness.last())
}

// eventuallyAsked waits until a path answers 200 and so.
func eventuallyAsked(t *testing.T, c *run.Collector, path string, texts ...string) {
	t.Helper()
	run.Eventually(t, path+" says "+strings.Join(texts, ", "), func() bool {
		code, body := c.Probe(path)
		return code == http.StatusOK && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(body, text) })
	})
}

// reload waits until the collector runs again.
func reload(t *testing.T, c *run.Collector) {
	t.Helper()
	const runs = "Everything is ready"
	before := strings.Count(c.Output(), runs)
	c.Signal(syscall.SIGHUP)
	run.Eventually(t, "it runs again", func() bool { return strings.Count(c.Output(), runs) > before })
	c.WaitReady()
}

func TestAReloadNeverRefusesAndUptimeGoesOn(t *testing.T) {
	t.Parallel()
	c := run.StartCollector(t, "standalone", nil)
	var last atomic.Int64
	answers := atomic.Int64{}
	health, stop := startProbe(t, c, often, "/health?exclude=query_runtime", func(body string) {
		var report struct {
			Uptime int64 `json:"uptime_seconds"`
		}
		assert.NoError(t, json.Unmarshal([]byte(body), &report))
		assert.GreaterOrEqual(t, report.Uptime, last.Swap(report.Uptime), "uptime")
		answers.Add(1)
	})
	live, stopLive := startProbe(t, c, often, "/live", nil)
	run.Eventually(t, "it has run for two seconds", func() bool { return last.Load() >= 2 })
	for range 5 {
		before := answers.Load()
		reload(t, c)
		run.Eventually(t, "probes go on", func() bool { return answers.Load() > before+5 })
	}
	stop()
	stopLive()
	require.Zero(t, health.refused.Load())
	assert.Zero(t, live.failed.Load(), live.last())
	assert.GreaterOrEqual(t, last.Load(), int64(2))
}
