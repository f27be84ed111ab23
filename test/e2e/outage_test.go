// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/outage"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// tolerated is the share of batches that may be delayed whatever the control
// phase was like: when another program takes the CPU for a moment is chance.
const tolerated = 0.001

// tries is how often the outage is looked at: what a machine does to the engine
// by chance it does not do every time, what an outage does it does.
const tries = 3

func TestACollectorThatFreezesDiesAndReturnsDoesNotTouchTheEngine(t *testing.T) {
	for try := 1; !untouched(t) && !t.Failed(); try++ {
		require.Less(t, try, tries, "every time something waited, or twice as many batches as with the collector healthy took over 10 ms")
	}
}

// untouched takes the collector away once. It reports whether the engine felt
// nothing; that the counts are exact is asserted.
func untouched(t *testing.T) bool {
	t.Helper()
	r := outage.Plan{
		Rate: 20_000, Batch: 64,
		Control: 10 * time.Second, Frozen: 5 * time.Second, Away: 5 * time.Second, After: 2 * time.Second,
	}.Run(t)
	t.Logf("collector healthy: %s", r.Control)
	t.Logf("collector away:    %s", r.Outage)
	assertExact(t, r)
	r.Engine.A.Stop()
	r.Engine.B.Stop()
	r.Collector.Kill()
	return r.Outage.Waits == 0 && r.Outage.Share() <= max(2*r.Control.Share(), tolerated)
}

// assertExact compares what is on /metrics in the end with what the engine
// counted itself.
func assertExact(t *testing.T, r outage.Report) {
	t.Helper()
	nodes := map[string]*run.Process{"node-a": r.Engine.A, "node-b": r.Engine.B}
	for name, node := range nodes {
		run.Eventually(t, "the input of "+name+" has ended", func() bool { return outage.Totals(node) != nil })
		totals := outage.Totals(node)
		var found []string
		var compared int
		exact := run.Within(func() bool {
			compared, found = outage.Differences(r.Collector.Metrics(), name, totals)
			return len(found) == 0
		})
		assert.True(t, exact, "%v", found)
		assert.GreaterOrEqual(t, compared, 10, name)
	}
	emitted, _ := r.Collector.Metrics().Sum("eventflux_custom_trades_total", scrape.Labels{"query_id": "trade_rate"})
	assert.Equal(t, outage.Totals(r.Engine.A)["trade_rate.processed"], emitted, "a metric that a query emits is exact, too")
}
