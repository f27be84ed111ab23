// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	loopback, all := &net.TCPAddr{IP: net.IPv6loopback, Port: 13133}, &net.TCPAddr{IP: net.IPv4zero, Port: 13133}
	for _, c := range []struct {
		listens net.Addr
		host    string
		want    int
	}{
		{loopback, "localhost:13133", 200},
		{loopback, "LocalHost", 200},
		{loopback, "127.0.0.1:13133", 200},
		{loopback, "127.8.0.1", 200},
		{loopback, "[::1]:13133", 200},
		{loopback, "[::1]", 200},
		{loopback, "probe.local:9", 200}, // as the endpoint is written
		{loopback, "a.localhost", 200},
		{loopback, "evil.example", 421},
		{loopback, "localhost.evil.example", 421},
		{loopback, "10.0.0.1:13133", 421},
		{loopback, "", 200}, // HTTP/1.0, as HAProxy checks
		{loopback, strings.Repeat("x", 10_000), 421},
		{all, "evil.example", 200},
		{all, "10.0.0.1:13133", 200},
		{&net.UnixAddr{Name: "/run/health.sock"}, "anything", 200},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/health", http.NoBody)
		r.Host = c.host
		Guard(c.listens, "probe.local:13133", next).ServeHTTP(w, r)
		if w.Code != c.want || w.Body.Len() > 400 {
			t.Errorf("host %.30q on %v: %d %s, want %d", c.host, c.listens, w.Code, w.Body, c.want)
		}
	}
}
