// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

func memoryOf(t *testing.T, c *run.Collector) (mb float64) {
	t.Helper()
	code, body := c.Probe("/health")
	require.Equal(t, http.StatusOK, code, body)
	var report struct {
		MB float64 `json:"memory_usage_mb"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &report))
	return report.MB
}

// stillOpen counts the connections that the other end has not closed.
func stillOpen(t *testing.T, all []net.Conn) (open int) {
	t.Helper()
	deadline := time.Now().Add(100 * time.Millisecond)
	for _, conn := range all {
		require.NoError(t, conn.SetReadDeadline(deadline))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

// Ten thousand connections that say nothing neither keep a prober out nor pile up.
func TestACrowdOnTheHealthPort(t *testing.T) {
	c := run.StartCollector(t, "standalone", nil)
	before := memoryOf(t, c)
	live, stop := startProbe(t, c, often, "/live", nil)
	var idle []net.Conn
	t.Cleanup(func() {
		for _, conn := range idle {
			_ = conn.Close()
		}
	})
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	for many := min(10_000, int(files.Cur)-500); len(idle) < many; {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", c.Health), 5*time.Second)
		require.NoError(t, err, "connection %d", len(idle))
		idle = append(idle, conn)
	}
	after := memoryOf(t, c)
	stop()
	assert.Zero(t, live.failed.Load(), live.last())
	var open int
	run.Eventually(t, "those that the kernel had yet to hand over are closed, too", func() bool {
		open = stillOpen(t, idle)
		return open <= 1000
	})
	t.Logf("%d connections are open, and %.0f MB more in use", open, after-before)
	assert.Less(t, after-before, 64.0, "MB")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/live", c.Health), http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-Large", strings.Repeat("x", 1<<20))
	if response, err := http.DefaultClient.Do(r); err == nil { // else it was cut off
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
		require.NoError(t, response.Body.Close())
	}
	code, _ := asks(t, http.MethodGet, c.Health, "/health", "evil.example")
	assert.Equal(t, http.StatusMisdirectedRequest, code)
}
