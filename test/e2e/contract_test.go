// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// contractOf asks the collector what an engine sends, lacks and gets wrong.
func contractOf(t *testing.T, c *run.Collector, instance string) engineview.Contract {
	t.Helper()
	code, body := c.Probe("/engines/" + instance + "/contract")
	require.Equal(t, 200, code, body)
	var document struct{ Engines []engineview.Contract }
	require.NoError(t, json.Unmarshal([]byte(body), &document))
	require.Len(t, document.Engines, 1)
	return document.Engines[0]
}

// assertContract holds both nodes against the conventions. No node runs a query
// of every kind, and both together do.
func assertContract(t *testing.T, c *run.Collector) {
	t.Helper()
	a, b := contractOf(t, c, "node-a"), contractOf(t, c, "node-b")
	assert.Empty(t, a.Violations)
	assert.Empty(t, b.Violations)
	for _, name := range a.Lacks {
		assert.True(t, slices.Contains(b.Sends, name), "nobody sends %s", name)
	}
	code, _ := c.Probe("/engines/node-c/contract")
	assert.Equal(t, 404, code)
}
