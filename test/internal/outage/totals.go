// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outage

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// Totals is what a node counted itself, apart from its telemetry: the last line
// about it in its log, nil if there is none yet.
func Totals(node *run.Process) map[string]any {
	var last map[string]any
	for line := range strings.Lines(node.Output()) {
		var r struct {
			Message string
			Fields  map[string]any
		}
		if json.Unmarshal([]byte(line), &r) == nil && r.Message == "totals at the end of the input" {
			last = r.Fields
		}
	}
	return last
}

// families are the counts that are in both places.
var families = map[string][2]string{
	"processed": {"query_events_processed_total", "query_id"},
	"emitted":   {"query_events_emitted_total", "query_id"},
	"received":  {"stream_events_received_total", "stream_name"},
	"sent":      {"stream_events_sent_total", "stream_name"},
	"waits":     {"stream_backpressure_events_total", "stream_name"},
}

// Differences names what an instance's metrics count otherwise than its totals
// do. Compared is how many counts are in both.
func Differences(m scrape.Snapshot, instance string, totals map[string]any) (compared int, found []string) {
	for field, want := range totals {
		what, count, _ := strings.Cut(field, ".")
		family, known := families[count]
		if !known {
			continue
		}
		compared++
		got, _ := m.Sum(family[0], scrape.Labels{family[1]: what, "instance": instance})
		if got != want {
			found = append(found, fmt.Sprintf("%s of %s: %s is %v, totals say %v", field, instance, family[0], got, want))
		}
	}
	return compared, found
}
