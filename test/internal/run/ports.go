// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

var handedOut sync.Map // port -> true, so that one test run never gets a port twice

// FreePort returns a loopback port that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	for {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("find a free port: %v", err)
		}
		port := ln.Addr().(*net.TCPAddr).Port
		if err = ln.Close(); err != nil {
			t.Fatalf("find a free port: %v", err)
		}
		if _, taken := handedOut.LoadOrStore(port, true); !taken {
			return port
		}
	}
}

// addr is the loopback address with port.
func addr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
