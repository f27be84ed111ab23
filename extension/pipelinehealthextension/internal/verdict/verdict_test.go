// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

func TestJudge(t *testing.T) {
	up := engineview.Engine{State: engineview.StateUp, Queries: 2, Streams: 3}
	silent := engineview.Engine{State: engineview.StateSilent, Queries: 9, Streams: 9}
	gone := engineview.Engine{State: engineview.StateShutdown, Queries: 9, Streams: 9}
	tests := []struct {
		name                      string
		e                         Evidence
		status, pipeline, runtime string
		queries                   int64
		streams, wantDetails      int
	}{
		{"starting", Evidence{}, Starting, OK, Unknown, 0, 0, 0},
		{"stopping", Evidence{Phase: PhaseStopping}, ShuttingDown, OK, Unknown, 0, 0, 0},
		{"no engine ever", Evidence{Phase: PhaseRunning}, Healthy, OK, Unknown, 0, 0, 0},
		{"two up", Evidence{Phase: PhaseRunning, Engines: []engineview.Engine{up, up}}, Healthy, OK, OK, 4, 6, 0},
		{"one silent", Evidence{Phase: PhaseRunning, Engines: []engineview.Engine{up, silent}}, Degraded, OK, Warn, 2, 3, 1},
		{"all silent", Evidence{Phase: PhaseRunning, Engines: []engineview.Engine{silent}}, Unhealthy, OK, Fail, 0, 0, 1},
		{"goodbye beside up", Evidence{Phase: PhaseRunning, Engines: []engineview.Engine{up, gone}}, Healthy, OK, OK, 2, 3, 0},
		{"goodbye alone", Evidence{Phase: PhaseRunning, Engines: []engineview.Engine{gone}}, Healthy, OK, Unknown, 0, 0, 0},
		{"recoverable", Evidence{Phase: PhaseRunning, Recoverable: []string{"x"}}, Degraded, Warn, Unknown, 0, 0, 1},
		{"permanent", Evidence{Phase: PhaseRunning, Failing: []string{"x"}, Recoverable: []string{"y"}}, Unhealthy, Fail, Unknown, 0, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(tt.e)
			if got.Status != tt.status || got.Checks.EventPipeline != tt.pipeline || got.Checks.QueryRuntime != tt.runtime ||
				got.QueriesRunning != tt.queries || got.StreamsActive != tt.streams || len(got.Details) != tt.wantDetails {
				t.Errorf("Judge() = %+v", got)
			}
		})
	}
}

func TestUptimeAndMemory(t *testing.T) {
	now := time.Unix(1000, 0)
	got := Judge(Evidence{Now: now, Started: now.Add(-90500 * time.Millisecond), MemoryBytes: 256 << 20})
	if got.UptimeSeconds != 90 || got.MemoryUsageMB != 256 {
		t.Errorf("Judge() = %+v", got)
	}
}
