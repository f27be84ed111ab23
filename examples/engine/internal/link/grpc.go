// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link/linkpb"
)

const (
	pingAfter   = 20 * time.Second
	pingTimeout = 5 * time.Second
)

// grpcCarrier sends every message as a call of its own, all over one connection.
type grpcCarrier struct{ *grpc.ClientConn }

func dialGRPC(addr string, m *meter) (carrier, error) {
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return m.dial(ctx, addr, nil) }),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: pingTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare link to %q: %w", addr, err)
	}
	return grpcCarrier{conn}, nil
}

func (c grpcCarrier) exchange(ctx context.Context, m *linkpb.Message) (*linkpb.Ack, int, error) {
	ack, err := linkpb.NewLinkClient(c).Send(ctx, m)
	return ack, proto.Size(m), err
}

// grpcServer answers calls.
type grpcServer struct {
	linkpb.UnimplementedLinkServer

	grpc *grpc.Server
	to   *Server
}

func newGRPCServer(to *Server) *grpcServer {
	s := &grpcServer{to: to, grpc: grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAfter / 2}),
	)}
	linkpb.RegisterLinkServer(s.grpc, s)
	return s
}

// Send implements the service.
func (s *grpcServer) Send(ctx context.Context, m *linkpb.Message) (*linkpb.Ack, error) {
	return s.to.handle(ctx, m, nil, proto.Size(m))
}

func (s *grpcServer) serve(lis net.Listener) error {
	if err := s.grpc.Serve(lis); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil // stopped before it began
}

func (s *grpcServer) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, s.grpc.Stop)()
	s.grpc.GracefulStop()
}
