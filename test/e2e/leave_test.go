// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/test/internal/load"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// connections counts those that a gRPC client made.
type connections struct {
	begun atomic.Int64
}

func (*connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (*connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (*connections) HandleRPC(context.Context, stats.RPCStats)                       {}
func (c *connections) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		c.begun.Add(1)
	}
}

// A backend that never comes back makes the drain take its longest time. Clients hold their
// connections: first they are served, then asked to leave and served, and at last refused.
func TestSendersAreAskedToLeaveBeforeTheyAreRefused(t *testing.T) {
	t.Parallel()
	c := run.NewCollector(t)
	c.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "drain.yaml"),
		map[string]string{"BACKEND": fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), "DRAIN_MAX": "6s"})
	c.WaitReady()
	var count connections
	conn, err := grpc.NewClient(c.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), grpc.WithStatsHandler(&count))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	var l load.Load
	overGRPC := func() error {
		request, _ := l.Logs()
		_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), request)
		return err
	}
	client := &http.Client{Transport: &http.Transport{}}
	overHTTP := func() (code int, last bool) {
		request, _ := l.Logs()
		body, err := request.MarshalProto()
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1/logs", c.HTTP), bytes.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-protobuf")
		response, err := client.Do(r)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		if response.StatusCode == http.StatusServiceUnavailable {
			assert.Equal(t, "1", response.Header.Get("Retry-After"))
		}
		return response.StatusCode, response.Close
	}

	require.NoError(t, overGRPC())
	_, last := overHTTP()
	require.False(t, last)
	told := time.Now()
	c.Signal(syscall.SIGTERM)
	asked, refused := time.Duration(0), time.Duration(0)
	for ; refused == 0 && time.Since(told) < time.Minute; time.Sleep(20 * time.Millisecond) {
		code, last := overHTTP()
		if last && asked == 0 {
			asked = time.Since(told)
		}
		if code != http.StatusOK {
			require.Equal(t, http.StatusServiceUnavailable, code)
			refused = time.Since(told)
		} else if err := overGRPC(); err != nil {
			require.Equal(t, codes.Unavailable, status.Code(err), err)
			require.NotEmpty(t, status.Convert(err).Details(), "refused, and told when to try again: %v", err)
			refused = time.Since(told)
		}
	}
	t.Logf("asked to leave after %s, refused after %s", asked.Round(time.Millisecond), refused.Round(time.Millisecond))
	assert.GreaterOrEqual(t, asked, time.Second, "the least time of the drain")
	assert.GreaterOrEqual(t, refused, 4*time.Second, "shortly before its longest")
	assert.Equal(t, int64(2), count.begun.Load(), "gRPC connections: one was ended by a GOAWAY")
	require.Zero(t, c.Wait())
	assert.Contains(t, c.Output(), "the longest time is over")
	assert.Contains(t, c.Output(), "otlp_grpc logs", "what is left is told with its number")
}
