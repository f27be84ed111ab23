// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func TestGRPCHealthFollowsTheLifeOfTheCollector(t *testing.T) {
	e := start(t)
	conn, err := grpc.NewClient(e.addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	client := grpc_health_v1.NewHealthClient(conn)
	watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	for _, step := range []struct {
		name string
		do   func() error
		want map[string]string
	}{
		{"starting", func() error { return nil }, map[string]string{"": "NOT_SERVING", "ready": "NOT_SERVING", "health": "NOT_SERVING", "live": "SERVING"}},
		{"running", e.Ready, map[string]string{"": "SERVING", "ready": "SERVING", "health": "SERVING", "live": "SERVING"}},
		{"stopping", e.NotReady, map[string]string{"": "NOT_SERVING", "ready": "NOT_SERVING", "health": "NOT_SERVING", "live": "SERVING"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			require.NoError(t, step.do())
			for service, want := range step.want {
				got, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
				require.NoError(t, err)
				assert.Equal(t, want, got.GetStatus().String(), service)
			}
			got, err := watch.Recv()
			require.NoError(t, err)
			assert.Equal(t, step.want[""], got.GetStatus().String())
		})
	}
	_, err = client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "unknown"})
	assert.ErrorContains(t, err, "unknown service")
}

func TestHostileRequests(t *testing.T) {
	e := start(t)
	request := func(change func(*http.Request)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.addr.String()+"/health", http.NoBody)
		require.NoError(t, err)
		change(r)
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusMisdirectedRequest, request(func(r *http.Request) { r.Host = "evil.example" }))
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, request(func(r *http.Request) { r.Header.Set("X-Big", strings.Repeat("x", 1<<20)) }))
	assert.Equal(t, http.StatusMethodNotAllowed, request(func(r *http.Request) { r.Method = http.MethodPost }))
	assert.Equal(t, http.StatusMethodNotAllowed, request(func(r *http.Request) {
		r.Method = http.MethodPost
		r.Header.Set("Content-Type", "application/grpc")
	}), "gRPC takes HTTP/2")

	conn, err := net.Dial("tcp", e.addr.String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write(bytes.Repeat([]byte{0xff}, 1000))
	require.NoError(t, err)
	answer := make([]byte, 100)
	n, _ := conn.Read(answer)
	assert.Contains(t, string(answer[:n]), "400 Bad Request")
}
