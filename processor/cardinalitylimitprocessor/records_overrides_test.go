// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

// The limits of values change while the limiter runs. A file that is wrong changes nothing.
func TestLimitsOfValuesChangeWhileRunning(t *testing.T) {
	file := newReloading(t, "attributes: {max_values_per_attribute: 1}")
	cfg := valuesOf(2)
	cfg.OverridesFile = file.path()
	l := newTestLogsWith(t, file.set, cfg, consumertest.NewNop(), newClock().time)
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))

	file.wait(t, fileAccepted, 1)
	assert.Equal(t, []int{1, -1, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	file.write(t, "..2", "attributes: {max_values_per_attribute: 2, overrides: [{key: other, action: drop}]}")
	file.wait(t, fileAccepted, 2)
	assert.Equal(t, []int{1, 2, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	file.write(t, "..3", "attributes: {max_values_per_attribute: 0}")
	file.rejects(t, "attributes::max_values_per_attribute must be at least 1")
	assert.Equal(t, []int{1, 2, -1, -1}, l.through(t, records("a", 1, 2, 3, 4)))
	file.write(t, "..4", "attributes: {max_values_per_attribute: 3, overrides: [{key: \"*\", max_values_per_attribute: 4}]}")
	file.wait(t, fileAccepted, 3)
	assert.Equal(t, []int{1, 2, 3, 4, -1}, l.through(t, records("a", 1, 2, 3, 4, 5)), "the overrides of the file come first")
	assert.Equal(t, int64(4), file.reloads(t))
}
