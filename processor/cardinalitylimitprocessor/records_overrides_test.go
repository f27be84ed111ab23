// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadatatest"
)

// The limits of values change while the limiter runs. A file that is wrong changes nothing.
func TestLimitsOfValuesChangeWhileRunning(t *testing.T) {
	reading := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reading.Shutdown(t.Context())) }()
	core, logs := observer.New(zap.InfoLevel)
	set := metadatatest.NewSettings(reading)
	set.Logger = zap.New(core)
	volume := configMap{t.TempDir()}
	volume.set(t, "..1", "attributes: {max_values_per_attribute: 1}")
	cfg := valuesOf(2)
	cfg.OverridesFile = volume.path()
	l := newTestLogsWith(t, set, cfg, consumertest.NewNop(), newClock().time)
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
	wait := func(message string, times int) {
		t.Helper()
		require.Eventually(t, func() bool { return logs.FilterMessage(message).Len() == times }, patience, time.Millisecond, message)
	}
	const accepted, rejected = "The overrides file is in force", "The overrides file is wrong; the limits in force stay"

	wait(accepted, 1)
	assert.Equal(t, []int{1, -1, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	volume.set(t, "..2", "attributes: {max_values_per_attribute: 2, overrides: [{key: other, action: drop}]}")
	wait(accepted, 2)
	assert.Equal(t, []int{1, 2, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	volume.set(t, "..3", "attributes: {max_values_per_attribute: 0}")
	wait(rejected, 1)
	assert.Contains(t, logs.FilterMessage(rejected).All()[0].ContextMap()["error"], "attributes::max_values_per_attribute must be at least 1")
	assert.Equal(t, []int{1, 2, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	volume.set(t, "..4", "attributes: {max_values_per_attribute: 3, overrides: [{key: \"*\", max_values_per_attribute: 4}]}")
	wait(accepted, 3)
	assert.Equal(t, []int{1, 2, 3, 4, -1}, l.through(t, records("a", 1, 2, 3, 4, 5)), "the overrides of the file come first")
	assert.Equal(t, int64(4), counted(t, reading, "otelcol_cardinality_limit_overrides_reloads"))
}
