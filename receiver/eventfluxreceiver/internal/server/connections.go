// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// The user agent of an SDK's OTLP exporter has one of these in it: what the OTLP
// exporter specification asks for, what the SDK for Go sends with traces, and what
// it sends with metrics and logs. Agents and proxies name themselves.
var sdkAgents = []string{"OTel-OTLP-Exporter-", "OTel OTLP Exporter Go/", "OTel Go OTLP over "}

// Connection is a gRPC connection.
type Connection struct {
	// ID is unique in the process and never zero.
	ID    uint64
	peer  string // the address of its far end
	ended atomic.Bool
}

// Ended reports whether the connection is closed. It turns true before
// Settings.Ended is called.
func (c *Connection) Ended() bool { return c.ended.Load() }

var lastConnection atomic.Uint64

// connections is a stats handler that knows when a connection ends.
type connections struct {
	ended func(*Connection)
}

type connectionKey struct{}

func (connections) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	c := &Connection{ID: lastConnection.Add(1)}
	if info.RemoteAddr != nil {
		c.peer = info.RemoteAddr.String()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

func (h connections) HandleConn(ctx context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnEnd); !ok {
		return
	}
	if c, ok := ctx.Value(connectionKey{}).(*Connection); ok {
		c.ended.Store(true)
		h.ended(c)
	}
}

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (connections) HandleRPC(context.Context, stats.RPCStats) {}

// isSDK reports whether a user agent is the SDK of a single process.
func isSDK(userAgent string) bool {
	return slices.ContainsFunc(sdkAgents, func(agent string) bool { return strings.Contains(userAgent, agent) })
}
