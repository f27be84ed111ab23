// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
)

// rawCodec sends and receives messages that are encoded already, so that the
// sender costs next to nothing.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

func (rawCodec) Name() string { return "proto" }

// BenchmarkReceivers compares the CPU time of the process for each point, which is
// that of the receiver and of a bare sender, with that of the stock receiver.
// Rounds of both take turns.
func BenchmarkReceivers(b *testing.B) {
	request, err := pmetricotlp.NewExportRequestFromMetrics(fleetMetrics(1, 333)).MarshalProto()
	require.NoError(b, err)
	points := fleetMetrics(1, 333).DataPointCount()
	cfg := testConfig()
	cfg.HealthExtension = nil
	cfg.Protocols.GRPC.Get().NetAddr.Endpoint = freeAddress(b)
	ours := raw(b, NewFactory(), cfg, receivertest.NewNopSettings(metadata.Type))
	stockFactory := otlpreceiver.NewFactory()
	stockConfig := stockFactory.CreateDefaultConfig().(*otlpreceiver.Config)
	stockConfig.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = freeAddress(b)
	stock := raw(b, stockFactory, stockConfig, receivertest.NewNopSettings(stockFactory.Type()))

	const round = 200
	var cpu [2]time.Duration
	rounds := 0
	for b.Loop() {
		for i, conn := range []*grpc.ClientConn{stock, ours} {
			before := processTime(b)
			for range round {
				var answer []byte
				require.NoError(b, conn.Invoke(b.Context(),
					"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", &request, &answer, grpc.ForceCodec(rawCodec{})))
			}
			cpu[i] += processTime(b) - before
		}
		rounds++
	}
	perPoint := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(rounds*round*points) }
	b.ReportMetric(perPoint(cpu[0]), "stock-ns/point")
	b.ReportMetric(perPoint(cpu[1]), "ours-ns/point")
	b.ReportMetric(float64(cpu[1])/float64(cpu[0]), "ours/stock")
}

func freeAddress(b *testing.B) string {
	b.Helper()
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// raw starts a receiver and connects to its gRPC server as an SDK.
func raw(b *testing.B, f receiver.Factory, cfg component.Config, set receiver.Settings) *grpc.ClientConn {
	b.Helper()
	r, err := f.CreateMetrics(b.Context(), set, cfg, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, r.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	var addr string
	switch c := cfg.(type) {
	case *Config:
		addr = c.Protocols.GRPC.Get().NetAddr.Endpoint
	case *otlpreceiver.Config:
		addr = c.Protocols.GRPC.Get().NetAddr.Endpoint
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(sdkUserAgent))
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
