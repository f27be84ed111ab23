// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// files returns what the patterns match below the root of the repository.
func files(t *testing.T, patterns ...string) (found []string) {
	t.Helper()
	for _, p := range patterns {
		matches, err := filepath.Glob(filepath.Join(run.Root(t), p))
		require.NoError(t, err)
		require.NotEmpty(t, matches, p)
		found = append(found, matches...)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestShippedAndDocumentedConfigurationsAreValid(t *testing.T) {
	for _, path := range files(t, "configs/standalone.yaml", "configs/agent.yaml", "configs/gateway.yaml", "*/*/testdata/example-*.yaml") {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) {
			p := run.Start(t, "validate", run.Binary(t, "otelcol-eventflux"), []string{"validate", "--config", path}, nil)
			assert.Zero(t, p.Wait(), p.Output())
		})
	}
}

func TestShippedConfigurationsLoseNothingInABatchProcessor(t *testing.T) {
	for _, path := range files(t, "configs/standalone.yaml", "configs/agent.yaml", "configs/gateway.yaml") {
		text := read(t, path)
		assert.NotContains(t, text, "\n  batch:", path)
		assert.NotContains(t, text, "0.0.0.0", "%s listens on loopback unless told otherwise", path)
		assert.Contains(t, text, "redaction]", path)
		assert.Contains(t, text, "sending_queue:", path)
	}
}

var family = regexp.MustCompile(`\b(?:query|stream|eventflux|connections?)_[a-z_]+`)

// What alerts and docs/telemetry.md name must be a metric of the conventions. make test-rules checks it for dashboards.
func TestEveryMetricNamedExists(t *testing.T) {
	series := map[string]bool{}
	for m := range semconv.Metrics() {
		series[m.PrometheusName()] = true
		if m.Instrument() == semconv.Histogram {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				series[m.PrometheusName()+suffix] = true
			}
		}
	}
	for m := range semconv.Derived() {
		series[m.PrometheusName()] = true
	}
	label := map[string]bool{}
	for m := range semconv.Metrics() {
		for a := range m.Attributes() {
			label[strings.ReplaceAll(a.Key(), ".", "_")] = true
		}
	}
	for _, path := range files(t, "alerts/*.yml", "docs/telemetry.md") {
		named := 0
		for _, name := range family.FindAllString(read(t, path), -1) {
			if label[name] && !series[name] || strings.HasPrefix(name, "eventflux_alerts") || strings.HasPrefix(name, "eventflux_recording") {
				continue
			}
			named++
			assert.True(t, series[name], "%s names %s", filepath.Base(path), name)
		}
		assert.Positive(t, named, path)
	}
	text := read(t, filepath.Join(run.Root(t), "docs", "telemetry.md"))
	for name := range labels {
		assert.Contains(t, text, "| `"+name+"` |", "docs/telemetry.md lacks it")
	}
	for span := range tree {
		first, _, _ := strings.Cut(span, " ")
		assert.Contains(t, text, "`"+first, "docs/telemetry.md lacks the span")
	}
}
