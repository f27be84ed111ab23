// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/internal/readmetest"
)

func TestReadmeIsTrue(t *testing.T) {
	readmetest.Check(t, map[string]string{
		"max_series_per_metric": "250000",
		"max_series":            "4000000",
		"max_metrics":           "2000",
		"series_ttl":            "20m",
	})
}
