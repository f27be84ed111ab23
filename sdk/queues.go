// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"strconv"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/queue"
)

// defaultQueue is how spans and log records wait for their export: as OpenTelemetry says, but out within a second.
var defaultQueue = queue.Options{Size: 2048, Batch: 512, Interval: time.Second, Timeout: 30 * time.Second}

// queue reads the variables of one batch processor, OTEL_BSP_* or OTEL_BLRP_*. A bad value is reported and
// ignored.
func (e environment) queue(prefix string) (queue.Options, []error) {
	o := defaultQueue
	var problems []error
	number := func(name string, set func(n int)) {
		text := e.get(prefix + name)
		if text == "" {
			return
		}
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			problems = append(problems, ignored(prefix+name, fmt.Errorf("want a whole number above 0, got %q", text)))
			return
		}
		set(n)
	}
	number("MAX_QUEUE_SIZE", func(n int) { o.Size = n })
	number("MAX_EXPORT_BATCH_SIZE", func(n int) { o.Batch = n })
	number("SCHEDULE_DELAY", func(n int) { o.Interval = time.Duration(n) * time.Millisecond })
	number("EXPORT_TIMEOUT", func(n int) { o.Timeout = time.Duration(n) * time.Millisecond })
	o.Batch = min(o.Batch, o.Size)
	return o, problems
}
