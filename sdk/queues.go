// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/queue"
)

// defaultQueue is how spans and log records wait for their export: as OpenTelemetry says, but out within a second.
var defaultQueue = queue.Options{Size: 2048, Batch: 512, Interval: time.Second, Timeout: 30 * time.Second}

// mostQueued is the largest queue one may ask for: what does not fit into memory is no bound.
const mostQueued = 1 << 20

// queue reads the variables of one batch processor, OTEL_BSP_* or OTEL_BLRP_*. A bad value is reported and
// ignored.
func (e environment) queue(prefix string) (queue.Options, []error) {
	o := defaultQueue
	problems := slices.Concat(
		e.number(prefix+"MAX_QUEUE_SIZE", &o.Size, mostQueued),
		e.number(prefix+"MAX_EXPORT_BATCH_SIZE", &o.Batch, mostQueued),
		e.milliseconds(prefix+"SCHEDULE_DELAY", &o.Interval),
		e.milliseconds(prefix+"EXPORT_TIMEOUT", &o.Timeout),
	)
	o.Batch = min(o.Batch, o.Size)
	return o, problems
}
