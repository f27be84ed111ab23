// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

var update = flag.Bool("update", false, "write the outputs of the golden tests anew")

// consume gives a receiver without servers one request and returns what leaves.
func consume(t *testing.T, cfg *Config, md pmetric.Metrics) (left pmetric.Metrics, rejected server.Rejected) {
	t.Helper()
	sink := new(consumertest.MetricsSink)
	m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Shutdown(t.Context())) })
	rejected, err = m.(*eventfluxReceiver).consumeMetrics(t.Context(), server.Origin{Transport: server.GRPC, Peer: "192.0.2.7:1"}, md)
	require.NoError(t, err)
	if len(sink.AllMetrics()) == 0 {
		return pmetric.NewMetrics(), rejected
	}
	return sink.AllMetrics()[0], rejected
}

func TestWhatModeFixMakesOfIt(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join("testdata", "*", "input.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, input := range inputs {
		t.Run(filepath.Base(filepath.Dir(input)), func(t *testing.T) {
			in, err := golden.ReadMetrics(input)
			require.NoError(t, err)
			got, rejected := consume(t, testConfig(), in)
			assert.Zero(t, rejected)
			output := filepath.Join(filepath.Dir(input), "output.yaml")
			if *update {
				text, err := golden.MarshalMetricsYAML(got)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(output, text, 0o600))
			}
			want, err := golden.ReadMetrics(output)
			require.NoError(t, err)
			require.NoError(t, pmetrictest.CompareMetrics(want, got))

			again, _ := consume(t, testConfig(), got)
			want, err = golden.ReadMetrics(output)
			require.NoError(t, err)
			require.NoError(t, pmetrictest.CompareMetrics(want, again), "a second receiver in a row changes nothing more")
		})
	}
}
