// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// Config of the receiver. The keys under protocols are those of the
// collector's own otlp receiver.
type Config struct {
	// Protocols says which servers run. At least one must.
	Protocols ProtocolsConfig `mapstructure:"protocols"`

	// HealthExtension names the pipeline_health extension that is to know this
	// receiver's engines, for example pipeline_health. Unset, none does.
	HealthExtension *component.ID `mapstructure:"health_extension"`

	// Engines bounds the list of engines.
	Engines EnginesConfig `mapstructure:"engines"`

	// Contract says what is done with data that does not meet the conventions.
	Contract ContractConfig `mapstructure:"contract"`

	// Fairness bounds what each engine may send.
	Fairness FairnessConfig `mapstructure:"fairness"`

	// Traces says whether the traces of engines are looked at as wholes.
	Traces TracesConfig `mapstructure:"traces"`

	// Canary has the receiver try its own pipelines.
	Canary CanaryConfig `mapstructure:"canary"`

	// ShutdownTimeout bounds the wait for requests in flight when the collector
	// stops. What is left then is cut off, and its sender retries. Default 10s.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ProtocolsConfig holds the servers. A missing key means that the server does
// not run; an empty one means its defaults.
type ProtocolsConfig struct {
	// GRPC listens on localhost:4317 by default.
	GRPC configoptional.Optional[configgrpc.ServerConfig] `mapstructure:"grpc"`
	// HTTP listens on localhost:4318 by default.
	HTTP configoptional.Optional[HTTPConfig] `mapstructure:"http"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// HTTPConfig is an HTTP server with the paths of the three signals.
type HTTPConfig struct {
	// Server is the server itself; its options stand beside the paths.
	Server confighttp.ServerConfig `mapstructure:",squash"`

	// TracesURLPath is /v1/traces by default.
	TracesURLPath URLPath `mapstructure:"traces_url_path,omitempty"`
	// MetricsURLPath is /v1/metrics by default.
	MetricsURLPath URLPath `mapstructure:"metrics_url_path,omitempty"`
	// LogsURLPath is /v1/logs by default.
	LogsURLPath URLPath `mapstructure:"logs_url_path,omitempty"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks that each path has one meaning.
func (c *HTTPConfig) Validate() error {
	var errs []error
	taken := map[URLPath]string{server.HealthPath: "the server's own health"}
	for _, p := range []struct {
		key  string
		path URLPath
	}{
		{"traces_url_path", c.TracesURLPath}, {"metrics_url_path", c.MetricsURLPath}, {"logs_url_path", c.LogsURLPath},
	} {
		switch by, is := taken[p.path]; {
		case is:
			errs = append(errs, fmt.Errorf("%s %q is taken by %s: choose another", p.key, p.path, by))
		case p.path == "/" || strings.ContainsAny(string(p.path), "{} "):
			errs = append(errs, fmt.Errorf("%s %q must be a path below / without braces and spaces", p.key, p.path))
		}
		taken[p.path] = p.key
	}
	return errors.Join(errs...)
}

// EnginesConfig says when silence means something and how much is remembered.
type EnginesConfig struct {
	// SilentAfter is the least time that an engine may send nothing before it
	// counts as silent. The time is six export intervals of the engine, as learned
	// from its exports, where that is longer. Default 15s.
	SilentAfter time.Duration `mapstructure:"silent_after"`
	// SilentAtMost bounds the six intervals. It is the time for an engine with
	// fewer than three exports, and for one that holds a connection. Default 6m,
	// which is enough for an interval of 60s.
	SilentAtMost time.Duration `mapstructure:"silent_at_most"`
	// ReconnectGrace is how long an engine whose last gRPC connection ended may
	// take to come back before it counts as silent. Default 2s.
	ReconnectGrace time.Duration `mapstructure:"reconnect_grace"`
	// ForgetAfter is how long a silent or stopped engine stays on the list.
	// Default 1h.
	ForgetAfter time.Duration `mapstructure:"forget_after"`
	// Max is the number of engines on the list. The one that was quiet longest
	// goes first, and is counted. Default 10000.
	Max int `mapstructure:"max"`
	// MetricsInterval is how often the receiver writes eventflux.up and what else
	// it knows of each engine into its metrics pipeline. Changes of state are
	// written at once. Default 10s.
	MetricsInterval time.Duration `mapstructure:"metrics_interval"`
	// AgentID makes the receiver tell the next one that this collector is an agent,
	// with this service.instance.id. Unset, it is none.
	AgentID string `mapstructure:"agent_id"`
	// MaxSeries is the number of series of all engines that are remembered, to be
	// ended when the engine dies. The default is 200000; 0 remembers none.
	MaxSeries int `mapstructure:"max_series"`
	// MaxSeriesPerEngine bounds the series of one engine. The default is 2000.
	MaxSeriesPerEngine int `mapstructure:"max_series_per_engine"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// URLPath is a URL path; a missing leading slash is added.
type URLPath string

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *URLPath) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil {
		return fmt.Errorf("URL path %q cannot be used: %w", text, err)
	}
	*p = URLPath("/" + strings.TrimPrefix(u.Path, "/"))
	return nil
}

// Validate checks that a server runs and that waiting is bounded.
func (c *Config) Validate() error {
	var errs []error
	if !c.Protocols.GRPC.HasValue() && !c.Protocols.HTTP.HasValue() {
		errs = append(errs, errors.New("protocols must have grpc, http or both"))
	}
	if c.ShutdownTimeout <= 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout must be positive, got %s", c.ShutdownTimeout))
	}
	return errors.Join(errs...)
}

// Validate checks that the list is bounded.
func (c *EnginesConfig) Validate() error {
	var errs []error
	if c.SilentAfter <= 0 {
		errs = append(errs, fmt.Errorf("silent_after must be positive, got %s", c.SilentAfter))
	}
	if c.SilentAtMost < c.SilentAfter {
		errs = append(errs, fmt.Errorf("silent_at_most must be at least silent_after (%s), got %s", c.SilentAfter, c.SilentAtMost))
	}
	if c.ReconnectGrace < 0 {
		errs = append(errs, fmt.Errorf("reconnect_grace must not be negative, got %s", c.ReconnectGrace))
	}
	if c.ForgetAfter < c.SilentAtMost {
		errs = append(errs, fmt.Errorf("forget_after must be at least silent_at_most (%s), got %s", c.SilentAtMost, c.ForgetAfter))
	}
	if c.MetricsInterval < time.Second {
		errs = append(errs, fmt.Errorf("metrics_interval must be at least 1s, got %s", c.MetricsInterval))
	}
	if c.MaxSeries < 0 {
		errs = append(errs, fmt.Errorf("max_series must not be negative, got %d: 0 remembers none", c.MaxSeries))
	}
	if c.MaxSeriesPerEngine < 0 {
		errs = append(errs, fmt.Errorf("max_series_per_engine must not be negative, got %d: 0 remembers none", c.MaxSeriesPerEngine))
	}
	if c.Max <= 0 {
		errs = append(errs, fmt.Errorf("max must be positive, got %d", c.Max))
	}
	return errors.Join(errs...)
}

// endsConnections reports whether the gRPC server itself ends connections that
// are in use. A client may then wait for its next export to come back.
func (c *Config) endsConnections() bool {
	if !c.Protocols.GRPC.HasValue() {
		return false
	}
	keepalive := c.Protocols.GRPC.Get().Keepalive.Get()
	if keepalive == nil || !keepalive.ServerParameters.HasValue() {
		return false
	}
	params := keepalive.ServerParameters.Get()
	return params.MaxConnectionAge > 0 || params.MaxConnectionIdle > 0
}

func newDefaultConfig() component.Config {
	return &Config{
		Protocols: ProtocolsConfig{
			GRPC: configoptional.Default(defaultGRPC()),
			HTTP: configoptional.Default(defaultHTTP()),
		},
		Engines: EnginesConfig{
			SilentAfter:    15 * time.Second,
			SilentAtMost:   6 * time.Minute,
			ReconnectGrace: 2 * time.Second,
			ForgetAfter:    time.Hour,
			Max:            10_000,

			MetricsInterval: 10 * time.Second,

			MaxSeries:          200_000,
			MaxSeriesPerEngine: 2000,
		},
		Contract:        newDefaultContract(),
		Traces:          newDefaultTraces(),
		ShutdownTimeout: 10 * time.Second,
	}
}

// defaultGRPC pings idle connections: gRPC's own default finds a connection
// whose far end vanished without a word only after two hours.
func defaultGRPC() configgrpc.ServerConfig {
	grpc := configgrpc.NewDefaultServerConfig()
	grpc.NetAddr.Endpoint = "localhost:4317"
	// Exports are large and answers are empty, so only reading gains by a
	// larger buffer.
	grpc.ReadBufferSize = 512 << 10
	keepalive := grpc.Keepalive.GetOrInsertDefault().ServerParameters.GetOrInsertDefault()
	keepalive.Time = 10 * time.Second
	keepalive.Timeout = 5 * time.Second
	return grpc
}

func defaultHTTP() HTTPConfig {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "localhost:4318"
	http.TLS = configoptional.None[configtls.ServerConfig]()
	// A body that trickles in must not hold a connection for ever. The answer
	// still goes out before the write timeout of 30s, which runs from the header on.
	http.ReadTimeout = 25 * time.Second
	return HTTPConfig{
		Server:         http,
		TracesURLPath:  "/v1/traces",
		MetricsURLPath: "/v1/metrics",
		LogsURLPath:    "/v1/logs",
	}
}
