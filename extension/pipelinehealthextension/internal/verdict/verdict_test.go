// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/disk"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func engine(id string, s engineview.State) engineview.Engine {
	return engineview.Engine{Name: "flux", InstanceID: id, State: s, Queries: 2, Streams: 3, LastSeen: now.Add(-time.Minute)}
}

func trouble(s signals.Severity, age time.Duration) signals.Trouble {
	return signals.Trouble{Component: "exporter kafka", Severity: s, Since: now.Add(-age)}
}

func TestJudge(t *testing.T) {
	up, silent, gone := engine("a", engineview.StateUp), engine("b", engineview.StateSilent), engine("c", engineview.StateShutdown)
	type engines = []engineview.Engine
	type troubles = []signals.Trouble
	tests := []struct {
		name     string
		phase    drain.Phase
		troubles troubles
		engines  engines
		status   Status
		pipeline Check
		runtime  Check
		counts   Engines
	}{
		{"starting", drain.Starting, nil, nil, Starting, Unknown, Unknown, Engines{}},
		{"starting in trouble", drain.Starting, troubles{trouble(signals.Permanent, 0)}, nil, Starting, Fail, Unknown, Engines{}},
		{"stopping", drain.Stopping, nil, engines{up}, ShuttingDown, OK, OK, Engines{Up: 1}},
		{"stopping in trouble", drain.Stopping, troubles{trouble(signals.Permanent, 0)}, engines{silent}, ShuttingDown, Fail, Fail, Engines{Silent: 1}},
		{"no engine ever", drain.Running, nil, nil, Healthy, OK, Unknown, Engines{}},
		{"two up", drain.Running, nil, engines{up, up}, Healthy, OK, OK, Engines{Up: 2}},
		{"one silent", drain.Running, nil, engines{up, silent}, Degraded, OK, Warn, Engines{Up: 1, Silent: 1}},
		{"all silent", drain.Running, nil, engines{silent, silent}, Unhealthy, OK, Fail, Engines{Silent: 2}},
		{"goodbye beside up", drain.Running, nil, engines{up, gone}, Healthy, OK, OK, Engines{Up: 1, Shutdown: 1}},
		{"goodbye beside silent", drain.Running, nil, engines{silent, gone}, Unhealthy, OK, Fail, Engines{Silent: 1, Shutdown: 1}},
		{"goodbye beside both", drain.Running, nil, engines{up, silent, gone}, Degraded, OK, Warn, Engines{Up: 1, Silent: 1, Shutdown: 1}},
		{"goodbye alone", drain.Running, nil, engines{gone}, Healthy, OK, Unknown, Engines{Shutdown: 1}},
		{"recoverable", drain.Running, troubles{trouble(signals.Recoverable, 59*time.Second)}, nil, Degraded, Warn, Unknown, Engines{}},
		{"recoverable for too long", drain.Running, troubles{trouble(signals.Recoverable, time.Minute)}, nil, Unhealthy, Fail, Unknown, Engines{}},
		{"permanent", drain.Running, troubles{trouble(signals.Permanent, 0)}, nil, Unhealthy, Fail, Unknown, Engines{}},
		{"permanent before recoverable", drain.Running, troubles{trouble(signals.Permanent, 9), trouble(signals.Recoverable, 0)}, nil, Unhealthy, Fail, Unknown, Engines{}},
		{"the worst check decides", drain.Running, troubles{trouble(signals.Recoverable, 0)}, engines{silent}, Unhealthy, Warn, Fail, Engines{Silent: 1}},
		{"two degraded checks", drain.Running, troubles{trouble(signals.Recoverable, 0)}, engines{up, silent}, Degraded, Warn, Warn, Engines{Up: 1, Silent: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(Evidence{
				Now: now, Phase: tt.phase, RecoveryDuration: time.Minute,
				Troubles: tt.troubles, Engines: tt.engines,
			})
			if got.Status != tt.status {
				t.Errorf("Status = %s, want %s", got.Status, tt.status)
			}
			if want := (Checks{tt.pipeline, Unknown, tt.runtime}); got.Checks != want {
				t.Errorf("Checks = %+v, want %+v", got.Checks, want)
			}
			if got.Engines != tt.counts || got.QueriesRunning != 2*tt.counts.Up || got.StreamsActive != 3*int(tt.counts.Up) {
				t.Errorf("counts are %+v, %d queries, %d streams", got.Engines, got.QueriesRunning, got.StreamsActive)
			}
			if len(got.Details.EventPipeline) != len(tt.troubles) || len(got.Details.QueryRuntime) != int(tt.counts.Silent) {
				t.Errorf("Details = %+v", got.Details)
			}
		})
	}
}

func TestEnginesSpeakForTheirParts(t *testing.T) {
	says := func(s engineview.State, pipeline, state, runtime engineview.Health) engineview.Engine {
		e := engine("a", s)
		e.Checks = engineview.Checks{EventPipeline: pipeline, StateBackend: state, QueryRuntime: runtime}
		return e
	}
	const unknown, ok, degraded, unhealthy = engineview.HealthUnknown, engineview.HealthOK, engineview.HealthDegraded, engineview.HealthUnhealthy
	type engines = []engineview.Engine
	tests := []struct {
		name    string
		engines engines
		trouble []signals.Trouble
		status  Status
		want    Checks
	}{
		{"says nothing", engines{says(engineview.StateUp, unknown, unknown, unknown)}, nil, Healthy, Checks{OK, Unknown, OK}},
		{"says that all is well", engines{says(engineview.StateUp, ok, ok, ok)}, nil, Healthy, Checks{OK, OK, OK}},
		{"the worst degrades", engines{says(engineview.StateUp, degraded, ok, ok), says(engineview.StateUp, ok, unhealthy, ok)}, nil, Degraded, Checks{Warn, Warn, OK}},
		{"in any order", engines{says(engineview.StateUp, ok, unhealthy, ok), says(engineview.StateUp, unknown, degraded, ok)}, nil, Degraded, Checks{OK, Warn, OK}},
		{"all fail", engines{says(engineview.StateUp, ok, unhealthy, ok), says(engineview.StateUp, ok, unhealthy, ok)}, nil, Unhealthy, Checks{OK, Fail, OK}},
		{"all that say something fail", engines{says(engineview.StateUp, ok, unhealthy, ok), says(engineview.StateUp, ok, unknown, ok)}, nil, Unhealthy, Checks{OK, Fail, OK}},
		{"one that says nothing of its queries is up", engines{says(engineview.StateUp, ok, ok, unhealthy), says(engineview.StateUp, ok, ok, unknown)}, nil, Degraded, Checks{OK, OK, Warn}},
		{"one fails and the other is silent", engines{says(engineview.StateUp, ok, ok, unhealthy), says(engineview.StateSilent, ok, ok, ok)}, nil, Unhealthy, Checks{OK, OK, Fail}},
		{"one fails and the other left", engines{says(engineview.StateUp, ok, ok, unhealthy), says(engineview.StateShutdown, ok, ok, ok)}, nil, Unhealthy, Checks{OK, OK, Fail}},
		{"runtime is degraded", engines{says(engineview.StateUp, ok, ok, degraded)}, nil, Degraded, Checks{OK, OK, Warn}},
		{"a silent one says nothing any more", engines{says(engineview.StateSilent, unhealthy, unhealthy, ok)}, nil, Unhealthy, Checks{OK, Unknown, Fail}},
		{"one that left says nothing any more", engines{says(engineview.StateShutdown, unhealthy, unhealthy, unhealthy)}, nil, Healthy, Checks{OK, Unknown, Unknown}},
		{"a healthy engine does not heal silence of another", engines{says(engineview.StateUp, ok, ok, ok), says(engineview.StateSilent, ok, ok, ok)}, nil, Degraded, Checks{OK, OK, Warn}},
		{"nor a component", engines{says(engineview.StateUp, ok, ok, ok)}, []signals.Trouble{trouble(signals.Permanent, 0)}, Unhealthy, Checks{Fail, OK, OK}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(Evidence{Now: now, Phase: drain.Running, RecoveryDuration: time.Minute, Engines: tt.engines, Troubles: tt.trouble})
			if got.Status != tt.status || got.Checks != tt.want {
				t.Errorf("Judge() = %s %+v, want %s %+v", got.Status, got.Checks, tt.status, tt.want)
			}
		})
	}
	for name, two := range map[string]engines{
		"fails":     {says(engineview.StateUp, ok, ok, ok), says(engineview.StateUp, ok, ok, unhealthy)},
		"is silent": {says(engineview.StateUp, ok, ok, ok), says(engineview.StateSilent, ok, ok, ok)},
	} {
		if got := Judge(Evidence{Now: now, Phase: drain.Running, AnyEngineFails: true, Engines: two}); got.Status != Unhealthy {
			t.Errorf("one %s and that is to be enough: %s", name, got.Status)
		}
	}
	details := Judge(Evidence{Now: now, Phase: drain.Running, Engines: engines{says(engineview.StateUp, ok, unhealthy, ok)}}).Details
	want := "engine flux (instance a) says that its state_backend is unhealthy"
	if len(details.StateBackend) != 1 || details.StateBackend[0].Text != want || details.EventPipeline != nil || details.QueryRuntime != nil {
		t.Errorf("Details = %+v, want one on state_backend: %s", details, want)
	}
	details = Judge(Evidence{Now: now, Phase: drain.Running, Engines: slices.Repeat(engines{says(engineview.StateUp, ok, unhealthy, ok)}, 57)}).Details
	if n := len(details.StateBackend); n != maxReasons+1 || details.StateBackend[maxReasons].Text != "37 more engines that say so" {
		t.Errorf("%d reasons, the last %q", n, details.StateBackend[n-1].Text)
	}
}

func TestEveryDegradedCheckHasItsReason(t *testing.T) {
	later := engine("b", engineview.StateSilent)
	later.LastSeen = now.Add(-30500 * time.Millisecond)
	got := Judge(Evidence{
		Now: now, Phase: drain.Running, RecoveryDuration: time.Minute,
		Troubles: []signals.Trouble{
			trouble(signals.Recoverable, 2*time.Minute),
			trouble(signals.Recoverable, time.Second),
			{Component: "receiver otlp", Severity: signals.Permanent, Since: now, Err: "password hunter2 refused"},
		},
		Engines: []engineview.Engine{later, engine("a", engineview.StateSilent)},
	})
	text, err := json.MarshalIndent(got.Details, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "event_pipeline": [
    "exporter kafka reports an error that did not recover within 1m0s, since 2026-03-01T02:58:00Z (2m0s)",
    "exporter kafka reports a recoverable error, since 2026-03-01T02:59:59Z (1s)",
    "receiver otlp reports a permanent error, since 2026-03-01T03:00:00Z (0s)"
  ],
  "query_runtime": [
    "engine flux (instance a) is silent, since 2026-03-01T02:59:00Z (1m0s)",
    "engine flux (instance b) is silent, since 2026-03-01T02:59:29Z (30s)"
  ]
}`
	if string(text) != want {
		t.Errorf("Details are\n%s\nwant\n%s", text, want)
	}
	if full := got.Details.EventPipeline[2].String(); !strings.HasSuffix(full, ": password hunter2 refused") {
		t.Errorf("String() = %q lacks the error", full)
	}
}

func TestDetailsAreBounded(t *testing.T) {
	e := Evidence{Now: now, Phase: drain.Running}
	for i := range 57 {
		silent := engine(fmt.Sprint(strings.Repeat("é", 1000), i), engineview.StateSilent)
		e.Engines = append(e.Engines, silent)
		e.Troubles = append(e.Troubles, trouble(signals.Permanent, 0))
	}
	details := Judge(e).Details
	for name, reasons := range map[string][]Reason{
		"37 more silent engines": details.QueryRuntime, "37 more components in trouble": details.EventPipeline,
	} {
		if last := reasons[len(reasons)-1].Text; len(reasons) != maxReasons+1 || last != name {
			t.Errorf("%d reasons, the last is %q, want %q", len(reasons), last, name)
		}
	}
	if text := details.QueryRuntime[0].Text; len(text) > 2*maxNameBytes || strings.ToValidUTF8(text, "") != text {
		t.Errorf("a reason of %d bytes: %q", len(text), text)
	}
}

func TestUptimeAndMemory(t *testing.T) {
	got := Judge(Evidence{Now: now, Started: now.Add(-90500 * time.Millisecond), MemoryBytes: 256<<20 + 1})
	if got.UptimeSeconds != 90 || got.MemoryUsageMB != 256 {
		t.Errorf("Judge() = %+v", got)
	}
	if got := Judge(Evidence{Now: now, Started: now.Add(time.Hour)}); got.UptimeSeconds != 0 {
		t.Errorf("uptime %d before the start", got.UptimeSeconds)
	}
}

func TestReady(t *testing.T) {
	for phase, want := range map[drain.Phase]Readiness{
		drain.Starting: {Reason: "starting"},
		drain.Running:  {Ready: true},
		drain.Stopping: {Reason: "shutting down"},
	} {
		if got := Ready(phase, ""); got != want {
			t.Errorf("Ready(%d) = %+v, want %+v", phase, got, want)
		}
	}
}

func TestNotReadyWithoutMemory(t *testing.T) {
	const refuses = "processor memory_limiter of pipeline logs"
	want := Readiness{Reason: refuses + " refuses data: memory is short"}
	if got := Ready(drain.Running, refuses); got != want {
		t.Errorf("Ready() = %+v, want %+v", got, want)
	}
	if got := Ready(drain.Stopping, refuses); got.Reason != "shutting down" {
		t.Errorf("Ready() = %+v", got)
	}
}

func TestRequiredChecks(t *testing.T) {
	checks := Checks{EventPipeline: Warn, StateBackend: Unknown, QueryRuntime: Fail}
	for _, tt := range []struct {
		require []string
		want    Readiness
	}{
		{nil, Readiness{Ready: true}},
		{[]string{"state_backend"}, Readiness{Ready: true}},
		{[]string{"state_backend", "event_pipeline"}, Readiness{Reason: "event_pipeline is degraded"}},
		{[]string{"query_runtime"}, Readiness{Reason: "query_runtime is fail"}},
	} {
		if got := (Readiness{Ready: true}).Requiring(tt.require, checks); got != tt.want {
			t.Errorf("requiring %q: %+v, want %+v", tt.require, got, tt.want)
		}
		starting := Readiness{Reason: "starting"}
		if got := starting.Requiring(tt.require, checks); got != starting {
			t.Errorf("requiring %q: %+v while starting", tt.require, got)
		}
	}
}

func TestLossesDegrade(t *testing.T) {
	losses := []signals.Loss{
		{Kind: "exporter", Component: "otlp_grpc", Items: 7, Since: now.Add(-3 * time.Second)},
		{Kind: "receiver", Component: "eventflux", Items: 9, Since: now},
	}
	e := Evidence{Now: now, Phase: drain.Running, Outside: Outside{Losses: losses}}
	r := Judge(e)
	if r.Status != Degraded || r.Checks.EventPipeline != Warn || len(r.Details.EventPipeline) != 2 {
		t.Fatalf("Judge() = %+v", r)
	}
	for i, want := range []string{
		"the sending queue of exporter otlp_grpc had no room for 7 items, since ", "receiver eventflux refused 9 items, since ",
	} {
		if got := r.Details.EventPipeline[i].Text; !strings.HasPrefix(got, want) {
			t.Errorf("reason %q, want %q", got, want)
		}
	}
	if p := JudgePipeline("logs", []string{"otlp_grpc"}, e); p.Status != Degraded || len(p.Details) != 1 {
		t.Errorf("JudgePipeline() = %+v", p)
	}
	if p := JudgePipeline("logs", []string{"other"}, e); p.Status != Healthy {
		t.Errorf("JudgePipeline() = %+v", p)
	}
}

func TestStorage(t *testing.T) {
	for state, want := range map[disk.State]Check{disk.Unknown: Unknown, disk.Well: OK, disk.Shaky: Warn, disk.Broken: Fail} {
		e := Evidence{Now: now, Phase: drain.Running, Storage: "file_storage/queue", Disk: disk.Verdict{State: state, Since: now, Err: "/secret/path"}}
		r := Judge(e)
		if r.Checks.StateBackend != want {
			t.Errorf("state %d: %s, want %s", state, r.Checks.StateBackend, want)
		}
		if p := JudgePipeline("logs", nil, e); p.Status != Healthy {
			t.Errorf("state %d: pipeline is %s", state, p.Status)
		}
		if state <= disk.Well {
			continue
		}
		reason := r.Details.StateBackend[0]
		if !strings.HasPrefix(reason.Text, "the storage file_storage/queue cannot be written to, since ") || reason.Err != "/secret/path" {
			t.Errorf("reason %+v", reason)
		}
		e.Disk.Err = ""
		if text := Judge(e).Details.StateBackend[0].Text; !strings.HasPrefix(text, "the storage file_storage/queue is slow, since ") {
			t.Errorf("reason %s", text)
		}
	}
}

func TestExcludedChecksDoNotCount(t *testing.T) {
	e := Evidence{Now: now, Phase: drain.Running, RecoveryDuration: time.Minute, Engines: []engineview.Engine{{State: engineview.StateSilent}}}
	if r := Judge(e); r.Status != Unhealthy {
		t.Fatalf("status %s", r.Status)
	}
	e.Exclude = []string{"query_runtime"}
	if r := Judge(e); r.Status != Healthy || r.Checks.QueryRuntime != Fail || len(r.Excluded) != 1 {
		t.Errorf("Judge() = %+v", r)
	}
	e.Exclude = []string{"state_backend", "event_pipeline"}
	if r := Judge(e); r.Status != Unhealthy {
		t.Errorf("Judge() = %+v", r)
	}
	e.Phase = drain.Stopping
	if r := Judge(e); r.Status != ShuttingDown {
		t.Errorf("Judge() = %+v", r)
	}
}

func TestWorse(t *testing.T) {
	worse := map[[2]Status]bool{
		{Healthy, Degraded}: true, {Healthy, Unhealthy}: true, {Degraded, Unhealthy}: true,
		{Starting, Degraded}: true, {Starting, Unhealthy}: true,
		{ShuttingDown, Degraded}: true, {ShuttingDown, Unhealthy}: true, // cannot happen
	}
	for _, before := range Statuses {
		for _, after := range Statuses {
			if got := after.Worse(before); got != worse[[2]Status{before, after}] {
				t.Errorf("%s.Worse(%s) = %v", after, before, got)
			}
		}
	}
}

func TestDestinationsInTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		trouble outbound.Trouble
		want    string
	}{
		"one exporter": {
			outbound.Trouble{Address: "backend:4317", Exporters: []string{"otlp_grpc"}, Kind: outbound.Failing, Since: now.Add(-17 * time.Second), Reason: "Unavailable"},
			"exporter otlp_grpc cannot send to backend:4317, since 2026-03-01T02:59:43Z (17s): Unavailable",
		},
		"two exporters": {
			outbound.Trouble{Address: "backend:4317", Exporters: []string{"a", "b"}, Kind: outbound.OftenFailing, Since: now, Reason: "HTTP 503"},
			"exporter a, b often fails to send to backend:4317, since 2026-03-01T03:00:00Z (0s): HTTP 503",
		},
		"nobody knows who": {
			outbound.Trouble{Address: "backend:4317", Kind: outbound.Unanswered, Since: now, Reason: "of an earlier attempt"},
			"an exporter gets no answer from backend:4317, since 2026-03-01T03:00:00Z (0s)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(Evidence{Now: now, Phase: drain.Running, Outside: Outside{Troubles: []outbound.Trouble{c.trouble}, Destinations: 3}, RecoveryDuration: time.Second})
			if r.Status != Degraded || r.Checks.EventPipeline != Warn || r.Destinations != (Destinations{OK: 2, Failing: 1}) {
				t.Errorf("report is %+v", r)
			}
			if got := r.Details.EventPipeline; len(got) != 1 || got[0].Text != c.want {
				t.Errorf("details are %v, want %q", got, c.want)
			}
		})
	}
}

func TestAnOutageOutsideNeverFails(t *testing.T) {
	old := outbound.Trouble{Address: "backend:4317", Kind: outbound.Failing, Since: now.Add(-24 * time.Hour)}
	e := Evidence{Now: now, Phase: drain.Running, RecoveryDuration: time.Second}
	for range 30 {
		e.Outside.Troubles = append(e.Outside.Troubles, old)
	}
	r := Judge(e)
	if r.Status != Degraded {
		t.Errorf("status is %s", r.Status)
	}
	if got := r.Details.EventPipeline; len(got) != maxReasons+1 || got[maxReasons].Text != "10 more destinations in trouble" {
		t.Errorf("details are %v", got)
	}
}

func TestWhatIsNotSeenIsSaid(t *testing.T) {
	r := Judge(Evidence{Now: now, Phase: drain.Running, Outside: Outside{Unwatched: []string{"otlp_grpc"}, Watcher: "pipeline_health/2"}})
	want := "whether exporter otlp_grpc reaches its backend: add middlewares: [{id: pipeline_health/2}] to it"
	if got := r.Details.NotSeen; r.Status != Healthy || len(got) != 1 || got[0].Text != want {
		t.Errorf("status %s, not seen %v, want %q", r.Status, got, want)
	}
}

func TestAQueueThatFillsUpDegrades(t *testing.T) {
	r := Judge(Evidence{Now: now, Phase: drain.Running, Outside: Outside{Backlog: []signals.Queue{{Exporter: "otlp_grpc", Signal: "logs", Size: 850, Capacity: 1000}}}})
	want := "the sending queue of exporter otlp_grpc for logs is 85 % full: 850 of 1000"
	if got := r.Details.EventPipeline; r.Status != Degraded || len(got) != 1 || got[0].Text != want {
		t.Errorf("status %s, details %v, want %q", r.Status, got, want)
	}
}
