// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// page is an exporter that runs, and what it logs.
type page struct {
	exporter.Metrics
	address string
	logs    *observer.ObservedLogs
}

// startExporter runs the exporter with the settings that are shipped.
func startExporter(t *testing.T) *page {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	exp, logs := start(t, address)
	return &page{exp, address, logs}
}

// series are those of one scrape, in order.
func (p *page) series(t *testing.T) []string {
	t.Helper()
	snapshot := read(t, p.address)
	delete(snapshot, "target_info")
	all := []string{}
	for name, family := range snapshot {
		for _, point := range family.GetMetric() {
			value := fmt.Sprint(scrape.Value(point))
			if h := point.GetHistogram(); h != nil {
				value = fmt.Sprintf("%d of sum %v up to %v", h.GetSampleCount(), h.GetSampleSum(), h.GetBucket()[0].GetUpperBound())
			}
			all = append(all, spell(name, scrape.LabelsOf(point), value))
		}
	}
	slices.Sort(all)
	return all
}

// complaints are the errors that the exporter logged.
func (p *page) complaints() []string {
	var all []string
	for _, entry := range p.logs.All() {
		all = append(all, entry.Message)
	}
	return all
}

// door is the receiver before delta_to_cumulative, as in the shipped
// configurations, before the exporter.
type door struct {
	address string
	senders map[int]*grpc.ClientConn
}

func startDoor(t *testing.T, next consumer.Metrics) *door {
	t.Helper()
	deltas := deltatocumulativeprocessor.NewFactory()
	middle, err := deltas.CreateMetrics(t.Context(), processortest.NewNopSettings(deltas.Type()),
		configure(t, deltas.CreateDefaultConfig(), shipped(t, "standalone").Processors["delta_to_cumulative"]), next)
	require.NoError(t, err)

	d := &door{address: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), senders: map[int]*grpc.ClientConn{}}
	factory := eventfluxreceiver.NewFactory()
	front, err := factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()),
		configure(t, factory.CreateDefaultConfig(), map[string]any{
			"protocols": map[string]any{"grpc": map[string]any{"endpoint": d.address}},
		}), middle)
	require.NoError(t, err)
	for _, c := range []component.Component{middle, front} {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
	}
	return d
}

// send sends a request on the connection of the sender.
func (d *door) send(t *testing.T, sender int, md pmetric.Metrics) {
	t.Helper()
	conn, ok := d.senders[sender]
	if !ok {
		var err error
		conn, err = grpc.NewClient(d.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, conn.Close()) })
		d.senders[sender] = conn
	}
	answer, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	require.NoError(t, err)
	require.Zero(t, answer.PartialSuccess().RejectedDataPoints())
}

func configure(t *testing.T, cfg component.Config, settings map[string]any) component.Config {
	t.Helper()
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	return cfg
}

// A pipeline from engines to the exporter needs delta_to_cumulative, last.
func TestShippedConfigurationsMakeDeltasCumulative(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(run.Root(t), "configs", "*.yaml"))
	require.NoError(t, err)
	var found int
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		for id, p := range shipped(t, name).Service.Pipelines {
			if !slices.Contains(p.Receivers, "eventflux") || !slices.Contains(p.Exporters, "prometheus") {
				continue
			}
			found++
			require.NotEmpty(t, p.Processors, "%s of %s", id, file)
			assert.Equal(t, "delta_to_cumulative", p.Processors[len(p.Processors)-1], "%s of %s", id, file)
		}
	}
	assert.Equal(t, 2, found, "the gateway's and the standalone one")
	_, err = os.Stat(filepath.Join(run.Root(t), "configs", "agent.yaml"))
	assert.NoError(t, err, "without an exporter for Prometheus")
}
