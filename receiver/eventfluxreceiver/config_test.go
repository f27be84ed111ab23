// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
)

// load returns the configuration under the key of testdata/config.yaml.
func load(t *testing.T, key string) (*Config, error) {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := file.Sub(key)
	require.NoError(t, err)
	cfg := newDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestEmptyProtocolsMeanTheirDefaults(t *testing.T) {
	cfg, err := load(t, "eventflux/both")
	require.NoError(t, err)
	grpc, http := cfg.Protocols.GRPC.Get(), cfg.Protocols.HTTP.Get()
	assert.Equal(t, "localhost:4317", grpc.NetAddr.Endpoint)
	assert.Equal(t, 15*time.Second, pinged(grpc), "half-open connections must end")
	assert.Equal(t, "localhost:4318", http.Server.NetAddr.Endpoint)
	assert.Equal(t, URLPath("/v1/metrics"), http.MetricsURLPath)
	assert.Equal(t, 25*time.Second, http.Server.ReadTimeout, "bodies that trickle must end")
	assert.Less(t, http.Server.ReadTimeout, http.Server.WriteTimeout, "and their senders get an answer")
	assert.Nil(t, cfg.HealthExtension)
}

// pinged is how long a connection lives whose far end vanished.
func pinged(cfg *configgrpc.ServerConfig) time.Duration {
	params := cfg.Keepalive.Get().ServerParameters.Get()
	return params.Time + params.Timeout
}

func TestOtherKeepAliveOptionsLeaveThePingsAlone(t *testing.T) {
	cfg, err := load(t, "eventflux/keepalive")
	require.NoError(t, err)
	grpc := cfg.Protocols.GRPC.Get()
	assert.Equal(t, time.Hour, grpc.Keepalive.Get().ServerParameters.Get().MaxConnectionAge)
	assert.Equal(t, 15*time.Second, pinged(grpc))
}

func TestEveryOptionIsRead(t *testing.T) {
	cfg, err := load(t, "eventflux/all")
	require.NoError(t, err)
	grpc, http := cfg.Protocols.GRPC.Get(), cfg.Protocols.HTTP.Get()
	assert.Equal(t, "0.0.0.0:4317", grpc.NetAddr.Endpoint)
	assert.Equal(t, 32, grpc.MaxRecvMsgSizeMiB)
	assert.Equal(t, "0.0.0.0:4318", http.Server.NetAddr.Endpoint)
	assert.Equal(t, URLPath("/spans"), http.TracesURLPath)
	assert.Equal(t, component.MustNewIDWithName("pipeline_health", "edge"), *cfg.HealthExtension)
	assert.Equal(t, EnginesConfig{
		SilentAfter: 30 * time.Second, SilentAtMost: 10 * time.Minute, ReconnectGrace: 5 * time.Second,
		ForgetAfter: 2 * time.Hour, Max: 50, MetricsInterval: 30 * time.Second, AgentID: "host-7",
		MaxSeries: 1000, MaxSeriesPerEngine: 100,
	}, cfg.Engines)
	assert.Equal(t, FairnessConfig{ItemsPerSecond: 5000, Burst: 20_000}, cfg.Fairness)
	assert.Equal(t, TracesConfig{Window: time.Minute, MaxTraces: 500, MaxSpans: 6000, MaxQueries: 70}, cfg.Traces)
	assert.Equal(t, CanaryConfig{Interval: 20 * time.Second}, cfg.Canary)
	assert.Equal(t, &contract.Policy{Unknown: contract.Tag, Rules: [contract.RuleCount]contract.Action{
		contract.UnknownName: contract.Reject, contract.WrongType: contract.Fix, contract.WrongTemporality: contract.Reject,
		contract.WrongUnit: contract.Fix, contract.MissingAttribute: contract.Observe, contract.WrongValue: contract.Observe,
		contract.AmbiguousName: contract.Reject,
	}}, cfg.Contract.policy())
	assert.Equal(t, 3*time.Second, cfg.ShutdownTimeout)
}

func TestBadConfigurationNamesTheKey(t *testing.T) {
	tests := map[string][]string{
		"eventflux": {"protocols must have grpc, http or both"},
		"eventflux/bad_values": {
			"shutdown_timeout must be positive, got 0s",
			"engines: silent_after must be positive, got 0s",
			"silent_at_most must be at least silent_after (0s), got -2s",
			"reconnect_grace must not be negative, got -3s",
			"forget_after must be at least silent_at_most (-2s), got -10s",
			"max must be positive, got 0",
			"fairness: items_per_second must not be negative, got -1: 0 is no limit",
			"burst must not be negative, got -2: 0 is ten times items_per_second",
			"traces: window must not be negative, got -1s: 0 looks at no traces",
			"canary: interval must be at least 1s, or 0 for no canaries, got 10ms",
			"max_traces must be from 1 to 10000000, got 0",
			"max_spans must be from 1 to 10000000, got 10000001",
			"max_queries must be from 1 to 450, got 451",
			"max_series must not be negative, got -1: 0 remembers none",
			"max_series_per_engine must not be negative, got -2: 0 remembers none",
			"metrics_interval must be at least 1s, got 10ms",
			`contract: mode must be "observe", "fix" or "reject", got "refuse"`,
			`unknown must be "pass", "tag" or "drop", got "keep"`,
			`rules: wrong_type must be "observe", "fix" or "reject", got "ignore"`,
			`wrong_unit must be "observe", "fix" or "reject", got "drop"`,
		},
		"eventflux/bad_paths": {
			`http: traces_url_path "/health" is taken by the server's own health: choose another`,
			`logs_url_path "/v1/metrics" is taken by metrics_url_path: choose another`,
		},
		"eventflux/bad_pattern": {
			`http: traces_url_path "/" must be a path below / without braces and spaces`,
			`metrics_url_path "/{x" must be a path below / without braces and spaces`,
		},
		"eventflux/only_burst": {"fairness: burst needs items_per_second"},
		"eventflux/wrong_key":  {"endpiont"},
	}
	for key, want := range tests {
		t.Run(key, func(t *testing.T) {
			_, err := load(t, key)
			for _, text := range want {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

// The keys under protocols are promised to be those of the stock receiver.
func TestProtocolsHaveTheKeysOfTheStockReceiver(t *testing.T) {
	assert.Equal(t, keys(reflect.TypeFor[otlpreceiver.Protocols]()), keys(reflect.TypeFor[ProtocolsConfig]()))
	assert.Equal(t, keys(reflect.TypeFor[otlpreceiver.HTTPConfig]()), keys(reflect.TypeFor[HTTPConfig]()))
}

func keys(t reflect.Type) []string {
	var found []string
	for f := range t.Fields() {
		if tag, ok := f.Tag.Lookup("mapstructure"); ok {
			found = append(found, strings.TrimSuffix(tag, ",omitempty"))
		}
	}
	return found
}
