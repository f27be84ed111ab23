// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheREADMEListsTheKeysOfTheFile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	aside, code := regexp.MustCompile(`\([^)]*\)`), regexp.MustCompile("`([^`]+)`")
	for table := range reflect.TypeFor[file]().Fields() {
		name := table.Tag.Get("toml")
		var want, got []string
		for key := range table.Type.Fields() {
			want = append(want, key.Tag.Get("toml"))
		}
		for line := range strings.Lines(string(text)) {
			if keys, ok := strings.CutPrefix(line, "| `["+name+"]` | "); ok {
				for _, found := range code.FindAllStringSubmatch(aside.ReplaceAllString(keys, ""), -1) {
					got = append(got, found[1])
				}
			}
		}
		assert.ElementsMatch(t, want, got, name)
	}
}

func TestTheREADMEListsTheVariables(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	names := []string{
		"OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
		"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_BSP_*", "OTEL_BLRP_*", exemplarFilter,
		exporterPrefix + "METRICS_TEMPORALITY_PREFERENCE", exporterPrefix + "TRACES_*", exporterPrefix + "METRICS_*", exporterPrefix + "LOGS_*", "_HEADERS",
	}
	for _, rule := range exporterRules {
		names = append(names, "_"+rule.name+"`")
	}
	for _, name := range names {
		assert.Contains(t, string(text), name)
	}
}
