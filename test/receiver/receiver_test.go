// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package receiver measures what the eventflux receiver costs beside the stock
// one.
package receiver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	otelreceiver "go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver"
	"github.com/eventflux-io/eventflux-otel/test/internal/paired"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

const (
	points   = 1000 // of a request
	requests = 400  // of a run, after as many that are not measured
	senders  = 2
)

// variants are compared with the first one. The second "stock" shows how far
// the noise alone reaches.
var variants = []string{"stock", "stock again", "observe", "fix", "reject"}

// A server is this program again, with what it is to run in the environment:
// only so is its CPU time its own.
const variantKey, grpcKey, httpKey = "RECEIVER_VARIANT", "RECEIVER_GRPC", "RECEIVER_HTTP"

func TestMain(m *testing.M) {
	if variant := os.Getenv(variantKey); variant != "" {
		if err := serve(variant); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve runs a receiver in front of nothing and prints its CPU time whenever it
// is asked to by a line, until there are no more.
func serve(variant string) error {
	factory := eventfluxreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	var g *configgrpc.ServerConfig
	var h *confighttp.ServerConfig
	if strings.HasPrefix(variant, "stock") {
		factory = otlpreceiver.NewFactory()
		stock := factory.CreateDefaultConfig().(*otlpreceiver.Config)
		g, h = stock.Protocols.GRPC.GetOrInsertDefault(), &stock.Protocols.HTTP.GetOrInsertDefault().ServerConfig
		cfg = stock
	} else {
		ours := cfg.(*eventfluxreceiver.Config)
		ours.Contract.Mode = eventfluxreceiver.ContractMode(variant)
		g, h = ours.Protocols.GRPC.GetOrInsertDefault(), &ours.Protocols.HTTP.GetOrInsertDefault().Server
	}
	g.NetAddr.Endpoint, h.NetAddr.Endpoint = os.Getenv(grpcKey), os.Getenv(httpKey)

	ctx := context.Background()
	set := receivertest.NewNopSettings(factory.Type())
	// Counters count, as in a collector with its default telemetry.
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	var r otelreceiver.Metrics
	r, err := factory.CreateMetrics(ctx, set, cfg, consumertest.NewNop())
	if err != nil {
		return err
	}
	if err = r.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var used syscall.Rusage
		if err = syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return err
		}
		fmt.Println(used.Utime.Nano() + used.Stime.Nano())
	}
	return r.Shutdown(ctx)
}

// child is a running server and a client of it.
type child struct {
	b        *testing.B
	ask      io.Writer
	answers  *bufio.Scanner
	conn     *grpc.ClientConn
	endpoint string
	stop     func()
}

func newChild(b *testing.B, variant string) *child {
	b.Helper()
	c := &child{b: b}
	target := fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	c.endpoint = fmt.Sprintf("127.0.0.1:%d", run.FreePort(b))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variantKey+"="+variant, grpcKey+"="+target, httpKey+"="+c.endpoint)
	cmd.Stderr = os.Stderr
	ask, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	c.ask, c.answers = ask, bufio.NewScanner(out)
	require.Equal(b, "ready", c.line())
	c.conn, err = grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(b, err)
	c.stop = func() {
		require.NoError(b, c.conn.Close())
		http.DefaultClient.CloseIdleConnections()
		require.NoError(b, ask.Close())
		require.NoError(b, cmd.Wait())
	}
	return c
}

func (c *child) line() string {
	c.b.Helper()
	require.True(c.b, c.answers.Scan(), "the server ended")
	return c.answers.Text()
}

// cpu is the CPU time of the server so far.
func (c *child) cpu() float64 {
	c.b.Helper()
	_, err := io.WriteString(c.ask, "\n")
	require.NoError(c.b, err)
	ns, err := strconv.ParseFloat(c.line(), 64)
	require.NoError(c.b, err)
	return ns
}

// cost sends the requests of a run and returns the server's CPU time per point
// and the points per second.
func (c *child) cost(send func(*child, []byte) error, body []byte) (ns, rate float64) {
	c.b.Helper()
	before, start := c.cpu(), time.Now()
	var group sync.WaitGroup
	errs := make(chan error, senders)
	for range senders {
		group.Go(func() {
			for range requests / senders {
				if err := send(c, body); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	wall := time.Since(start)
	close(errs)
	require.NoError(c.b, <-errs)
	return (c.cpu() - before) / (points * requests), points * requests / wall.Seconds()
}

// encoded is a gRPC codec for messages that are bytes already.
type encoded struct{}

func (encoded) Name() string { return "proto" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (encoded) Unmarshal(mem.BufferSlice, any) error { return nil }

func overGRPC(c *child, body []byte) error {
	return c.conn.Invoke(context.Background(), "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
		body, nil, grpc.ForceCodecV2(encoded{}))
}

func overHTTP(c *child, body []byte) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+c.endpoint+"/v1/metrics", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", resp.Status)
	}
	return nil
}

// BenchmarkReceiver sends the same requests to every variant, in an order that
// is drawn anew for every round, and prints the server's CPU time per point and
// its ratio to the stock receiver in the same round: the median, and a 95%
// interval of that.
func BenchmarkReceiver(b *testing.B) {
	body, err := pmetricotlp.NewExportRequestFromMetrics(engine()).MarshalProto()
	require.NoError(b, err)
	for _, transport := range []struct {
		name string
		send func(*child, []byte) error
	}{{"gRPC", overGRPC}, {"HTTP", overHTTP}} {
		b.Run(transport.name, func(b *testing.B) {
			cost, rate := map[string][]float64{}, map[string][]float64{}
			for range b.N {
				for _, i := range rand.Perm(len(variants)) {
					// One process is by chance faster than another of the same program for all of
					// its life, so each run has one of its own.
					c := newChild(b, variants[i])
					c.cost(transport.send, body)
					ns, r := c.cost(transport.send, body)
					c.stop()
					cost[variants[i]], rate[variants[i]] = append(cost[variants[i]], ns), append(rate[variants[i]], r)
				}
			}
			if b.N > 1 { // the first run, of one round, is a warm-up
				table(transport.name, cost, rate)
			}
		})
	}
}

func table(transport string, cost, rate map[string][]float64) {
	fmt.Printf("\n| %s | CPU ns per point, median | ratio to stock, median | 95%% interval | million points/s, median | rounds |\n|---|---|---|---|---|---|\n", transport)
	for _, v := range variants {
		ratios := paired.Ratios(cost[v], cost["stock"])
		low, high := paired.Interval(ratios)
		fmt.Printf("| %s | %.0f | %.3f | %.3f to %.3f | %.2f | %d |\n",
			v, paired.Median(cost[v]), paired.Median(ratios), low, high, paired.Median(rate[v])/1e6, len(ratios))
	}
}

// engine is an export of an engine with a thousand points in ten metrics, as
// the conventions want them.
func engine() pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for key, value := range map[string]string{
		"service.name": "trades", "service.instance.id": "0f6b1c1e-4a39-4f0b-9b53-9f0e0c9d6a11", "service.version": "1.4.0",
		"host.name": "edge-7", "deployment.environment": "production",
	} {
		rm.Resource().Attributes().PutStr(key, value)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("eventflux")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, m := range []struct {
		name, unit string
		keys       []string
	}{
		{"query.events.processed", "{event}", []string{"query.id", "stream.name"}},
		{"query.events.emitted", "{event}", []string{"query.id", "output.stream"}},
		{"query.execution.errors", "{error}", []string{"query.id", "error.type"}},
		{"stream.events.received", "{event}", []string{"stream.name"}},
		{"stream.events.sent", "{event}", []string{"stream.name"}},
		{"stream.backpressure.events", "{event}", []string{"stream.name"}},
		{"stream.buffer.size", "By", []string{"stream.name"}},
		{"query.window.size", "By", []string{"query.id", "window.type"}},
		{"query.latency", "s", []string{"query.id"}},
		{"stream.oldest_event.age", "s", []string{"stream.name"}},
	} {
		metric := sm.Metrics().AppendEmpty()
		metric.SetName(m.name)
		metric.SetUnit(m.unit)
		fill(metric, m.keys, now)
	}
	return md
}

func fill(m pmetric.Metric, keys []string, now time.Time) {
	attributes := func(attrs pcommon.Map, i int) {
		for _, key := range keys {
			switch key {
			case "error.type":
				attrs.PutStr(key, "timeout")
			case "window.type":
				attrs.PutStr(key, "sliding")
			default:
				attrs.PutStr(key, fmt.Sprintf("%s-%d", key, i))
			}
		}
	}
	start, end := pcommon.NewTimestampFromTime(now.Add(-time.Hour)), pcommon.NewTimestampFromTime(now)
	switch m.Unit() {
	case "s":
		if m.Name() == "query.latency" {
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			for i := range 100 {
				p := h.DataPoints().AppendEmpty()
				p.SetStartTimestamp(start)
				p.SetTimestamp(end)
				p.ExplicitBounds().FromRaw([]float64{0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10})
				p.BucketCounts().FromRaw([]uint64{0, 10, 400, 200, 5, 0, 0, 0})
				p.SetCount(615)
				p.SetSum(1.5)
				attributes(p.Attributes(), i)
			}
			return
		}
		points := m.SetEmptyGauge().DataPoints()
		for i := range 100 {
			p := points.AppendEmpty()
			p.SetTimestamp(end)
			p.SetDoubleValue(float64(i))
			attributes(p.Attributes(), i)
		}
	default:
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(m.Unit() != "By")
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for i := range 100 {
			p := sum.DataPoints().AppendEmpty()
			p.SetStartTimestamp(start)
			p.SetTimestamp(end)
			p.SetIntValue(int64(i) * 1000)
			attributes(p.Attributes(), i)
		}
	}
}
