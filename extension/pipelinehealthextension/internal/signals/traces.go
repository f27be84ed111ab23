// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import "go.opentelemetry.io/otel/sdk/metric/metricdata"

// received counts the traces that tail_sampling processors took in, and ended
// those that they are through with: decided on, or given up.
const received = "otelcol_processor_tail_sampling_new_trace_id_received"

var ended = map[string]bool{
	"otelcol_processor_tail_sampling_global_count_traces_sampled":      true,
	"otelcol_processor_tail_sampling_sampling_trace_dropped_too_early": true,
	"otelcol_processor_tail_sampling_traces_dropped_too_large":         true,
}

// Undecided returns how many traces wait in tail_sampling processors for a decision.
func Undecided(rm *metricdata.ResourceMetrics) int64 {
	var n int64
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch {
			case m.Name == received:
				n += total(m)
			case ended[m.Name]:
				n -= total(m)
			}
		}
	}
	return max(0, n)
}

func total(m metricdata.Metrics) (n int64) {
	sum, _ := m.Data.(metricdata.Sum[int64])
	for _, p := range sum.DataPoints {
		n += p.Value
	}
	return n
}
