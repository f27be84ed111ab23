// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// HealthPath answers probes of the HTTP server.
const HealthPath = "/health"

// health tells load balancers whether to send requests: from start until the
// drain, or else the shutdown, begins. It says nothing of engines or pipelines,
// which is the pipeline_health extension's to say.
type health struct {
	healthpb.UnimplementedHealthServer
	services       map[string]bool // known to the gRPC server; "" is the server itself
	away, stopping <-chan struct{}
}

// registerHealth adds grpc.health.v1 to srv, for the services registered so far.
func registerHealth(srv *grpc.Server, away, stopping <-chan struct{}) {
	h := &health{services: map[string]bool{"": true}, away: away, stopping: stopping}
	for name := range srv.GetServiceInfo() {
		h.services[name] = true
	}
	healthpb.RegisterHealthServer(srv, h)
}

func (h *health) status(service string) healthpb.HealthCheckResponse_ServingStatus {
	if !h.services[service] {
		return healthpb.HealthCheckResponse_SERVICE_UNKNOWN
	}
	return serving(h.away)
}

func serving(away <-chan struct{}) healthpb.HealthCheckResponse_ServingStatus {
	select {
	case <-away:
		return healthpb.HealthCheckResponse_NOT_SERVING
	default:
		return healthpb.HealthCheckResponse_SERVING
	}
}

// Check implements grpc.health.v1.
func (h *health) Check(_ context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	st := h.status(req.GetService())
	if st == healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Errorf(codes.NotFound, "service %q does not run here", req.GetService())
	}
	return &healthpb.HealthCheckResponse{Status: st}, nil
}

// Watch implements grpc.health.v1. It ends with the shutdown, which waits for
// streams.
func (h *health) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	first := h.status(req.GetService())
	if err := stream.Send(&healthpb.HealthCheckResponse{Status: first}); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case <-h.away:
	}
	if last := h.status(req.GetService()); last != first {
		if err := stream.Send(&healthpb.HealthCheckResponse{Status: last}); err != nil {
			return err
		}
	}
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case <-h.stopping:
	}
	return status.Error(codes.Unavailable, "the server stops")
}

// withHealth answers [HealthPath] in front of next, and so in front of
// authentication: probes have no credentials, and the answer has no secrets.
func withHealth(next http.Handler, away <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != HealthPath {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			plainError(w, http.StatusMethodNotAllowed, "%s is not allowed, ask for health with GET or HEAD", r.Method)
			return
		}
		st, code := serving(away), http.StatusOK
		if st != healthpb.HealthCheckResponse_SERVING {
			code = http.StatusServiceUnavailable
		}
		w.Header().Set("Cache-Control", "no-store")
		write(w, code, jsonType, []byte(`{"status":"`+st.String()+`"}`))
	})
}
