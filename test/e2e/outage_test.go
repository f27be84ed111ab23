// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eventflux-io/eventflux-otel/test/internal/outage"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// tolerated is the share of batches that may be delayed whatever the control
// phase was like: the collector's own start takes CPU time, of which a small
// machine has little.
const tolerated = 0.002

func TestACollectorThatFreezesDiesAndReturnsDoesNotTouchTheEngine(t *testing.T) {
	r := outage.Plan{
		Rate: 20_000, Batch: 64,
		Control: 10 * time.Second, Frozen: 5 * time.Second, Away: 5 * time.Second, After: 2 * time.Second,
	}.Run(t)
	t.Logf("collector healthy: %s", r.Control)
	t.Logf("collector away:    %s", r.Outage)
	assert.Zero(t, r.Outage.Waits, "nothing is refused")
	allowed := max(2*r.Control.Share(), tolerated)
	assert.LessOrEqual(t, r.Outage.Share(), allowed, "the share of batches over 10 ms, against twice that with the collector healthy")

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
		for _, stream := range []string{"StockStream", "FilteredStream", "AggregateStream", "EnrichedStream"} {
			if waits, ours := totals[stream+".waits"]; ours {
				assert.Zero(t, waits, "%s of %s, as the engine counts itself", stream, name)
			}
		}
	}
	emitted, _ := r.Collector.Metrics().Sum("eventflux_custom_trades_total", scrape.Labels{"query_id": "trade_rate"})
	assert.Equal(t, outage.Totals(r.Engine.A)["trade_rate.processed"], emitted, "a metric that a query emits is exact, too")
}
