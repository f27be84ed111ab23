// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/prom"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// faster is how many times faster than in production time passes for the alerts.
const faster = 30

var (
	window   = regexp.MustCompile(`\[(\d+)([mhd])\]`)
	lasting  = regexp.MustCompile(`for: (\d+)([mh])`)
	forecast = regexp.MustCompile(`\], (\d+)\)`)
)

// compressed is a folder with the shipped rules in which all that is a time is divided by faster: windows, for,
// keep_firing_for, how far a forecast looks ahead, offsets, the age of a checkpoint, and how long an engine has to run. What is unusual for the time of the week is
// left out.
func compressed(t testing.TB) string {
	t.Helper()
	seconds := map[string]int{"m": 60, "h": 3600, "d": 86400}
	divide := func(r *regexp.Regexp, form string) func(string) string {
		return func(s string) string {
			m := r.FindStringSubmatch(s)
			n, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			if len(m) > 2 {
				n *= seconds[m[2]]
			}
			return fmt.Sprintf(form, max(1, n/faster))
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"eventflux_alerts.yml", "eventflux_recording.yml", "tests/requirements/rules.yml"} {
		text, err := os.ReadFile(filepath.Join(run.Root(t), "alerts", name))
		require.NoError(t, err)
		rules := window.ReplaceAllStringFunc(string(text), divide(window, "[%ds]"))
		rules = lasting.ReplaceAllStringFunc(rules, divide(lasting, "for: %ds"))
		rules = forecast.ReplaceAllStringFunc(rules, divide(forecast, "], %d)"))
		rules = strings.NewReplacer("age_seconds > 900", "age_seconds > 30", "uptime_seconds > 7200", "uptime_seconds > 240", "offset 1h", "offset 120s").Replace(rules)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(rules), 0o600))
	}
	return dir
}

// world is all that runs.
type world struct {
	t       testing.TB
	c       *run.Collector
	a       *run.Process
	startA  func()
	other   *foreign
	p       *prom.Server
	am      *prom.Alertmanager
	control map[string]string // address by node

	required map[string]bool // alerts that fired as the requirements spell them
}

// fault begins or ends a fault of a node.
func (w *world) fault(node string, args ...string) func() {
	return func() {
		w.t.Helper()
		out, err := exec.Command(run.Binary(w.t, "eventflux-engine"), append(append([]string{"fault"}, args...), "--control", w.control[node])...).CombinedOutput()
		require.NoError(w.t, err, string(out))
	}
}

// firing are the alerts that fire and are for people.
func (w *world) firing() map[string]string {
	names := map[string]string{}
	for _, a := range w.p.Alerts() {
		if a.State == "firing" && a.Labels["severity"] != "none" {
			names[a.Labels["alertname"]] = a.Labels["severity"]
		}
	}
	return names
}

// patience bounds each wait: the longest is for what an hour of production saw.
const patience = 5 * time.Minute

// until looks once a second, and lets the other engine send, until it holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	began := time.Now()
	for now := range time.Tick(time.Second) {
		_ = w.other.send(w.t) // a collector that is full or away refuses
		if holds() {
			return
		}
		if now.Sub(began) > patience {
			w.t.Fatalf("after %s still not so: %s; these fire: %v", patience, what, w.firing())
		}
	}
}

var receivers = map[string]string{"critical": "pager", "warning": "tickets"}

// play has one thing go wrong and sees each alert fire in Prometheus, reach its receiver, and resolve.
func (w *world) play(what string, begin, end func(), alerts ...string) {
	w.t.Helper()
	if !strings.Contains(what, *only) {
		return
	}
	began := time.Now()
	begin()
	severity, extra := map[string]string{}, map[string]bool{}
	w.until(what+": all fire and are told: "+strings.Join(alerts, ", "), func() bool {
		all := true
		for _, name := range w.p.FiringIn("requirements") {
			w.required[name] = true
		}
		for name, s := range w.firing() {
			severity[name] = s
			extra[name] = !slices.Contains(alerts, name)
		}
		for _, a := range alerts {
			all = all && severity[a] != "" && w.am.Told(receivers[severity[a]], a) == "firing"
		}
		return all
	})
	took := time.Since(began)
	end()
	w.until(what+": all have resolved", func() bool {
		for _, a := range alerts {
			if w.am.Told(receivers[severity[a]], a) != "resolved" {
				return false
			}
		}
		return len(w.firing()) == 0
	})
	maps.DeleteFunc(extra, func(_ string, is bool) bool { return !is })
	w.told("%s: %s after %s; also %v", what, strings.Join(alerts, ", "), took.Round(time.Second), slices.Sorted(maps.Keys(extra)))
}

// told prints at once: the whole takes minutes.
func (w *world) told(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

var only = flag.String("only", "", "what goes wrong; empty is everything")

var health = flag.Duration("healthy", 2*time.Hour/faster, "how long the healthy run lasts")

func BenchmarkFaults(b *testing.B) {
	w := newWorld(b, filepath.Join(run.Root(b), "configs", "standalone.yaml"), nil)
	began := time.Now()
	w.until("nothing fires in a healthy run", func() bool {
		require.Empty(b, w.firing())
		return time.Since(began) > *health
	})
	w.told("healthy for %s: nothing fires", *health)

	w.play("another engine fails", func() { w.other.well = false }, func() { w.other.well = true },
		"CircuitBreakerOpen", "SourceDisconnected", "SinkDisconnected", "SinkEventsDropped", "StateOperationErrors", "CheckpointFailing", "QueryEventsLate", "TransportErrors", "WALErrors",
		"FileDescriptorsRunOut")
	w.play("kill -9 of node a", func() { w.a.Kill() }, w.startA, "EngineSilent")
	w.play("node a dies again and again", func() {
		for range 4 {
			w.a.Kill()
			w.startA()
			pause := time.Now()
			w.until("node a has been heard of", func() bool { return time.Since(pause) > 3*time.Second })
		}
	}, func() {}, "EngineRestarting")

	for _, f := range []struct {
		node, fault string
		alerts      []string
	}{
		{"b", "slow_sink=2s", []string{"HighQueryLatency", "StreamOldestEventAge"}},
		{"a", "lost_peer", []string{"SinkDisconnected"}},
		{"a", "burst=2000", []string{"StreamBackpressure"}},
		{"a", "label_explosion", []string{"EngineSeriesOverflow"}},
		{"a", "clock_step=-5m", []string{"QueryEventTimeLag"}},
		{"a", "memory_growth=1024", []string{"EngineMemoryGrows"}},
		{"a", "failing_query", []string{"QueryErrors", "DeadLetters"}},
		{"a", "full_buffer=500ms", []string{"HighQueryLatency", "QueryBufferFull", "StreamQueueFillsUp", "EngineUnhealthy"}},
		{"a", "stuck_checkpoint", []string{"CheckpointStale", "QueryStalled", "EngineNotReady"}},
	} {
		kind, _, _ := strings.Cut(f.fault, "=")
		w.play(f.fault, w.fault(f.node, f.fault), w.fault(f.node, kind, "--stop"), f.alerts...)
	}
	w.play("the collector dies", func() { w.c.Kill() }, func() {
		require.Empty(b, w.am.Told("pager", "NoEngineUp"), "it is a symptom")
		w.c.Launch("standalone", nil)
		w.c.WaitReady()
	}, "CollectorAbsent")
	if *only != "" {
		return
	}
	require.Len(b, w.required, 2, "the alerts as the requirements spell them")
}

func BenchmarkCollectorFaults(b *testing.B) {
	addr := fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	backend := otlp.NewBackend(addr)
	backend.Start(b)
	config := changed(b, "  cardinality_limit:\n", "    max_series: 3000\n    max_series_per_tenant: 3000\n    max_series_per_metric: 3000\n    series_ttl: 20s\n")
	w := newWorld(b, config, map[string]string{
		"EVENTFLUX_EXPORTER": "otlp_grpc", "EVENTFLUX_OTLP_ENDPOINT": addr, "EVENTFLUX_QUEUE_SIZE": "300000",
	})
	began := time.Now()
	w.until("nothing fires in a healthy run", func() bool {
		require.Empty(b, w.firing())
		return time.Since(began) > min(*health, time.Minute)
	})
	w.play("the backend is away", backend.Stop, func() { backend.Start(b) },
		"DestinationFailing", "CollectorQueueFillsUp", "CollectorQueueFull", "CollectorRefusing")
	var server *grpc.Server
	w.play("the backend knows no signal", func() {
		backend.Stop()
		server = refuse(b, addr)
	}, func() {
		server.Stop()
		backend.Start(b)
	}, "CollectorExportFailing")
	w.play("a label explodes", w.fault("a", "label_explosion"), func() {
		w.a.Kill()
		w.startA()
	}, "CardinalityFolding", "CardinalityNearLimit", "CardinalityGrows")
}

func newWorld(t testing.TB, config string, env map[string]string) *world {
	t.Helper()
	w := &world{t: t, control: map[string]string{}, required: map[string]bool{}}
	w.c = run.NewCollector(t)
	w.c.LaunchFile(config, env)
	w.c.WaitReady()
	w.am = prom.StartAlertmanager(t)
	w.p = prom.Start(t, w.c, compressed(t), t.TempDir(), w.am.Addr)
	for _, node := range []string{"a", "b"} {
		w.control[node] = fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	}
	link := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	engine := run.NewEngine{
		Endpoint: w.c.Endpoint(), Both: []string{"--set", "state=" + t.TempDir(), "--set", "checkpoint=1s"},
		A: []string{"--control", w.control["a"], "--peers", "b=" + link},
		B: []string{"--control", w.control["b"], "--listen", link, "--set", "threshold=0.0001", "--set", "sink=" + filepath.Join(t.TempDir(), "alerts.jsonl")},
	}
	b := engine.StartAlone(t, "b")
	run.Eventually(t, "node b listens", func() bool { return strings.Contains(b.Output(), "node b started") })
	w.startA = func() { w.a = engine.StartAlone(t, "a") }
	w.startA()
	w.other = newForeign(t, w.c.Endpoint())
	w.other.well = true
	return w
}
