// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func living(s engineview.State, evidence engineview.Evidence, runtime engineview.Health) engineview.Engine {
	e := engine("a", s)
	e.Evidence, e.Checks.QueryRuntime = evidence, runtime
	return e
}

func TestOneEngine(t *testing.T) {
	const (
		up, silent, left     = engineview.StateUp, engineview.StateSilent, engineview.StateShutdown
		data, lost, missed   = engineview.EvidenceData, engineview.EvidenceConnectionLost, engineview.EvidenceMissedExports
		unknown, ok, notWell = engineview.HealthUnknown, engineview.HealthOK, engineview.HealthUnhealthy
	)
	type engines = []engineview.Engine
	leaving := living(up, data, ok)
	leaving.Leaving = true
	for _, c := range []struct {
		name    string
		engines engines
		status  Status // of the first
		ready   string // why not, empty if it is
		dead    bool
	}{
		{"up", engines{living(up, data, ok)}, Healthy, "", false},
		{"up and says nothing", engines{living(up, data, unknown)}, Healthy, "", false},
		{"up and not well", engines{living(up, data, notWell)}, Unhealthy, "it says that its query_runtime is unhealthy", false},
		{"dead", engines{living(silent, lost, ok)}, Unhealthy, "silent: connection_lost", true},
		{"silent", engines{living(silent, missed, ok)}, Unhealthy, "silent: missed_exports", false},
		{"shutting down", engines{living(left, engineview.EvidenceGoodbye, ok)}, ShuttingDown, "shutting down", false},
		{"about to end", engines{leaving}, ShuttingDown, "shutting down", false},
		{"never heard of", nil, "", "no such engine was heard of", false},
		{"two with one identity", engines{living(up, data, ok), living(silent, lost, ok)}, Healthy, "silent: connection_lost", false},
		{"two that are dead", engines{living(silent, lost, ok), living(silent, lost, ok)}, Unhealthy, "silent: connection_lost", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.engines) > 0 {
				if got := JudgeEngine(&c.engines[0], now); got.Status != c.status {
					t.Errorf("status is %s, want %s", got.Status, c.status)
				}
			}
			if got := ReadyEngine(c.engines); got.Ready != (c.ready == "") || got.Reason != c.ready {
				t.Errorf("ReadyEngine() = %+v, want %q", got, c.ready)
			}
			if why := Dead(c.engines); (why != "") != c.dead {
				t.Errorf("Dead() = %q", why)
			}
		})
	}
}

func TestTheValuesOfAnEngineAreItsOwn(t *testing.T) {
	e := engine("a", engineview.StateUp)
	e.Started, e.MemoryBytes, e.Version = now.Add(-90500*time.Millisecond), 256<<20+1, "1.2"
	e.Checks = engineview.Checks{EventPipeline: engineview.HealthDegraded, StateBackend: engineview.HealthOK}
	got := JudgeEngine(&e, now)
	want := Engine{
		Status: Degraded, UptimeSeconds: 90, QueriesRunning: 2, StreamsActive: 3, MemoryUsageMB: 256,
		Checks: Checks{Warn, OK, OK}, Name: "flux", Instance: "a", Version: "1.2", State: "up", LastSeen: now.Add(-time.Minute),
	}
	if got != want {
		t.Errorf("JudgeEngine() = %+v, want %+v", got, want)
	}
	e.Started = time.Time{}
	if got = JudgeEngine(&e, now); got.UptimeSeconds != 0 {
		t.Errorf("uptime of an engine that says nothing of it: %d", got.UptimeSeconds)
	}
}
