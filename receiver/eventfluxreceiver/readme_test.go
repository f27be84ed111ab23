// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/internal/readmetest"
)

func TestReadmeIsTrue(t *testing.T) {
	readmetest.Check(t, map[string]string{
		"health_extension":               "none",
		"engines::silent_after":          "15s",
		"engines::silent_at_most":        "6m",
		"engines::reconnect_grace":       "2s",
		"engines::forget_after":          "1h",
		"engines::max":                   "10000",
		"engines::metrics_interval":      "10s",
		"engines::max_series":            "200000",
		"engines::max_series_per_engine": "2000",
		"engines::agent_id":              "none",
		"contract::mode":                 "fix",
		"contract::unknown":              "pass",
		"shutdown_timeout":               "10s",
		"traces::window":                 "0, off",
		"traces::max_traces":             "20000",
		"traces::max_spans":              "100000",
		"traces::max_queries":            "200",
		"fairness::burst":                "ten times that",
		"fairness::items_per_second":     "0, no limit",
	})
}
