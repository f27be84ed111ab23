// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package compose

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/plain"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// sums are the metrics of the requirements that are counters of either kind.
const sums = 15

func TestOurReceiverInSomebodyElsesCollector(t *testing.T) {
	collector := build(t, "receiver_manifest.yaml")
	backend := otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)))
	backend.Start(t)
	endpoint := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	config, err := filepath.Abs("receiver_config.yaml")
	require.NoError(t, err)
	env := map[string]string{"COMPOSED_ENDPOINT": endpoint, "COMPOSED_BACKEND": backend.Addr()}
	validate := run.Start(t, "validate", collector, []string{"validate", "--config", config}, env)
	require.Zero(t, validate.Wait(), validate.Output())

	p := run.Start(t, "composed collector", collector, []string{"--config", config}, env)
	run.Eventually(t, "it runs", func() bool { return strings.Contains(p.Output(), "Everything is ready") })
	e := plain.Start(t, endpoint, "plain-1")
	_, err = e.Batch(t.Context())
	require.NoError(t, err)
	run.Eventually(t, "all three signals come out", func() bool {
		names := map[string]bool{}
		for _, point := range backend.Points() {
			names[point.Metric] = true
		}
		return len(names) >= sums && len(backend.Spans()) == plain.Spans && backend.Seen()["slow batch"] == 1
	})
	run.Eventually(t, "the engine is known", func() bool { return strings.Contains(p.Output(), "Engine is new") })
	assert.Zero(t, p.Stop())
}
