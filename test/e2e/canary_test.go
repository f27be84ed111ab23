// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Nobody sends anything.
func TestAnIdleCollectorNoticesThatItsBackendIsAway(t *testing.T) {
	t.Parallel()
	backend := &fragile{addr: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))}
	backend.start(t)
	c := run.NewCollector(t)
	c.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "canary.yaml"), map[string]string{"BACKEND": backend.addr})
	c.WaitReady()
	eventuallyHealth(t, c, `"status":"healthy"`, `"destinations":{"ok":1,"failing":0}`)
	run.Eventually(t, "a canary is on /metrics", func() bool {
		made, found := c.Metrics().Sum("eventflux_canary_timestamp_seconds", scrape.Labels{})
		return found && time.Since(time.Unix(int64(made), 0)).Abs() < time.Minute
	})

	backend.stop()
	down := time.Now()
	eventuallyHealth(t, c, `"status":"degraded"`, "exporter otlp_grpc cannot send to "+backend.addr)
	t.Logf("seen after %s", time.Since(down).Round(time.Millisecond))
	backend.start(t)
	eventuallyHealth(t, c, `"status":"healthy"`)
	require.Zero(t, c.Stop())
}
