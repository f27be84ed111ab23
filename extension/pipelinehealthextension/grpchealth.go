// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

// The names under which grpc.health.v1 answers. Without a name it is asked for
// readiness, as a load balancer and a readiness probe do.
const (
	grpcReady  = "ready"
	grpcHealth = "health"
	grpcLive   = "live"
)

// grpcFace answers grpc.health.v1 on the port of the HTTP endpoints.
type grpcFace struct {
	server *grpc.Server
	health *health.Server
}

func newGRPCFace() *grpcFace {
	g := &grpcFace{server: grpc.NewServer(), health: health.NewServer()}
	grpc_health_v1.RegisterHealthServer(g.server, g.health)
	g.tellLive(true)
	g.tell(verdict.Readiness{}, verdict.Starting)
	return g
}

// tell makes Check answer so, and tells those who Watch of a change.
func (g *grpcFace) tell(r verdict.Readiness, s verdict.Status) {
	g.health.SetServingStatus("", serving(r.Ready))
	g.health.SetServingStatus(grpcReady, serving(r.Ready))
	g.health.SetServingStatus(grpcHealth, serving(s.Serving()))
}

// tellLive is tell of whether the process lives.
func (g *grpcFace) tellLive(yes bool) {
	g.health.SetServingStatus(grpcLive, serving(yes))
}

func serving(yes bool) grpc_health_v1.HealthCheckResponse_ServingStatus {
	if yes {
		return grpc_health_v1.HealthCheckResponse_SERVING
	}
	return grpc_health_v1.HealthCheckResponse_NOT_SERVING
}

func isGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// beside takes the requests that are gRPC from the others. Those who Watch stay
// for longer than a request to the others may take.
func (g *grpcFace) beside(others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isGRPC(r) {
			others.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Time{}) // HTTP/2 can, always
		_ = control.SetWriteDeadline(time.Time{})
		g.server.ServeHTTP(w, r)
	})
}
