// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/otlpclient"
)

// defaultDecisionWait is how long tail_sampling waits for the rest of a trace.
const defaultDecisionWait = 30 * time.Second

// Advice returns what in the effective configuration of a collector keeps a drain
// of at most longest from delivering everything, with the way out, in order.
func Advice(config map[string]any, extension string, longest time.Duration) (advice []string) {
	if longest <= 0 {
		return nil
	}
	for id, pipeline := range otlpclient.Table(otlpclient.Table(config["service"])["pipelines"]) {
		processors, _ := otlpclient.Table(pipeline)["processors"].([]any)
		for _, p := range processors {
			processor, _ := p.(string)
			switch otlpclient.TypeOf(processor) {
			case "batch":
				advice = append(advice, fmt.Sprintf("processors::%s in service::pipelines::%s holds data back that no drain sees: "+
					"remove it and batch with sending_queue::batch of the exporters", processor, id))
			case "tail_sampling":
				wait := defaultDecisionWait
				if text, ok := otlpclient.Table(otlpclient.Table(config["processors"])[processor])["decision_wait"].(string); ok {
					wait, _ = time.ParseDuration(text) // the processor itself has read it
				}
				if wait > longest {
					advice = append(advice, fmt.Sprintf("processors::%s::decision_wait is %s, longer than a drain may take: "+
						"make extensions::%s::drain::max longer than that, or decision_wait shorter", processor, wait, extension))
				}
			}
		}
	}
	slices.SortFunc(advice, strings.Compare)
	return slices.Compact(advice)
}
