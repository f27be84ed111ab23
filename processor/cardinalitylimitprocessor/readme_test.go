// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/internal/readmetest"
)

func TestReadmeIsTrue(t *testing.T) {
	readmetest.Check(t, map[string]string{
		"max_series":                      "4000000",
		"max_series_per_tenant":           "0",
		"max_series_per_metric":           "0",
		"max_values_per_attribute":        "0",
		"max_tenants":                     "1000",
		"max_metrics":                     "2000",
		"lend_until":                      "0",
		"series_ttl":                      "20m",
		"tenant::resource_attributes":     "[service.namespace, service.name]",
		"count":                           "series",
		"action":                          "fold_attribute",
		"gauge":                           "last",
		"keep":                            "first_seen",
		"on_memory_cap":                   "fold",
		"max_folded_sources":              "250000",
		"max_start_age":                   "0s",
		"overflow::max_series_per_metric": "100",
		"overflow::max_series":            "10000",
		"overflow::attribute_value":       "otel.cardinality_overflow",
		"overflow::flush_interval":        "0s",
		"snapshot_interval":               "1m",
		"offenders::max_metrics":          "256",
		"offenders::samples":              "plain",
		// of records
		"attributes::max_values_per_attribute": "10000",
		"attributes::max_values":               "1000000",
		"attributes::max_attributes":           "2000",
		"attributes::action":                   "replace",
		"attributes::keys":                     "[]",
		"attributes::overrides":                "[]",
	})
}
