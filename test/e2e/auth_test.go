// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// The receiver takes any authenticator of the collector, here the stock one for
// bearer tokens. Who is refused is on no list and in no pipeline.
func TestOnlyWhoHasTheTokenIsAccepted(t *testing.T) {
	config, err := filepath.Abs(filepath.Join("testdata", "auth.yaml"))
	require.NoError(t, err)
	c := run.NewCollector(t)
	c.LaunchFile(config, nil)
	c.WaitReady()
	body := read(t, filepath.Join("testdata", "plain", "metrics.jsonl"))
	send := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			fmt.Sprintf("http://127.0.0.1:%d/v1/metrics", c.HTTP), strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Scope-OrgID", "a") // a tenant that somebody claims
		if token != "" {
			req.Header.Set("Authorization", token)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	accepted := func() float64 {
		n, _ := c.SelfMetrics().Sum("otelcol_receiver_accepted_metric_points", scrape.Labels{})
		return n
	}

	for _, token := range []string{"", "Bearer wrong", "right", "Basic right"} {
		assert.Equal(t, http.StatusUnauthorized, send(token), token)
	}
	err = otlp.NewSender(t, c.Endpoint()).Gauge(t.Context(), map[string]string{"service.name": "engine"}, "eventflux.uptime", 1)
	assert.Equal(t, codes.Unauthenticated, status.Code(err))
	assert.Zero(t, accepted())
	engines, _ := c.SelfMetrics().Sum("otelcol_receiver_eventflux_engines", scrape.Labels{})
	assert.Zero(t, engines)

	assert.Equal(t, http.StatusOK, send("Bearer right"))
	assert.Positive(t, accepted())
	eventuallyHealth(t, c, `"engines":{"up":1`)
}
