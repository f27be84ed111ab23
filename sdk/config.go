// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// Config is everything Start can be told. Every zero field means its default, so a literal that sets one field
// is a complete configuration. OTEL_* environment variables override it, options override both.
type Config struct {
	Service Service // who is speaking
	Export  Export  // where telemetry goes
	Metrics Metrics // how often and how many series
	Traces  Traces  // which batches are traced
	Logging Logging // the local log
	Level   Level   // how much is recorded; default Basic

	// Profiling puts the pprof labels query.id and processor.type on goroutines while they work on a batch.
	Profiling bool
}

// Service says who is speaking. It becomes the resource of all three signals.
type Service struct {
	Name        string // service.name; default "eventflux-rust"
	Version     string // service.version; left out if empty
	InstanceID  string // service.instance.id; default a random UUID per process
	Environment string // deployment.environment ("production", "staging", "dev"); left out if empty
	Tenant      string // eventflux.tenant: on whose account the engine runs; left out if empty
}

// The transports of Export.Protocol.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http/protobuf"
)

// Export says where telemetry goes. Certificates are taken from the OTEL_EXPORTER_OTLP_* variables.
type Export struct {
	Protocol    string            // ProtocolGRPC (default) or ProtocolHTTP
	Endpoint    string            // "host:port" or a URL; default http://localhost:4317, or :4318 over HTTP
	Insecure    bool              // plain text; only for an Endpoint without a scheme, since a scheme decides by itself
	Headers     map[string]string // sent with every request
	Timeout     time.Duration     // per export, retries included; default 10s
	Compression string            // "gzip" or "none" (default)
}

// Metrics says how metrics are exported. Past either limit new attribute sets share one series per metric, marked
// otel.metric.overflow=true, and eventflux.telemetry.series.overflowed counts them.
type Metrics struct {
	Interval           time.Duration // between two exports; default 5s
	MaxSeries          int           // series over all metrics; default 20000
	MaxSeriesPerMetric int           // series of one metric; default 2000
}

// Traces bounds how many batches are traced. The rates hold twice: once for traces started at Begin, and once for
// slow and failed batches that are traced after the fact. A batch whose context is already traced joins that
// trace and counts for neither; ten times Total may do so per second, a thousand if Total is negative.
type Traces struct {
	PerQuery float64       // traces started per second and query; default 10, negative for none
	Total    float64       // traces started per second in this process; default 100, negative for none
	MaxLinks int           // links kept on one span; default 32
	Slow     time.Duration // latency from which a batch is traced after the fact; default 100ms, negative for none
}

// Logging configures the local log. Records that pass Level also go out over OTLP.
type Logging struct {
	Level  string // "error", "warn", "info" (default), "debug" or "trace"
	Format string // "json" (default) or "pretty"
	Output string // "stdout" (default), "stderr" or the path of a file to append to, reopened on SIGHUP

	// PerSite is how many records per second one line of code may write at one level, and as many at once;
	// default 100, negative for no limit. The next record it may write says how many were "suppressed".
	PerSite float64
}

const (
	defaultServiceName   = "eventflux-rust"
	defaultInterval      = 5 * time.Second
	defaultTimeout       = 10 * time.Second
	defaultExportTimeout = 30 * time.Second // as OpenTelemetry says, like OTEL_METRIC_EXPORT_TIMEOUT
	defaultPerQuery      = 10
	defaultTotal         = 100
	defaultMaxLinks      = 32
	defaultMaxSeries     = 20_000
	defaultPerMetric     = 2000                   // as OpenTelemetry's cardinality limit
	defaultSlow          = 100 * time.Millisecond // the threshold of the alert HighQueryLatency
	defaultPerSite       = 100
)

// DefaultConfig returns the configuration that the zero Config stands for, with every default spelled out.
// Service.InstanceID and Export.Endpoint stay empty: Start chooses them.
func DefaultConfig() Config {
	return Config{}.withDefaults()
}

func (c Config) withDefaults() Config {
	c.Service.Name = or(c.Service.Name, defaultServiceName)
	c.Export.Protocol = or(c.Export.Protocol, ProtocolGRPC)
	c.Export.Compression = or(c.Export.Compression, "none")
	c.Export.Timeout = or(c.Export.Timeout, defaultTimeout)
	c.Metrics.Interval = or(c.Metrics.Interval, defaultInterval)
	c.Metrics.MaxSeries = or(c.Metrics.MaxSeries, defaultMaxSeries)
	c.Metrics.MaxSeriesPerMetric = or(c.Metrics.MaxSeriesPerMetric, defaultPerMetric)
	c.Traces.PerQuery = or(c.Traces.PerQuery, defaultPerQuery)
	c.Traces.Total = or(c.Traces.Total, defaultTotal)
	c.Traces.MaxLinks = or(c.Traces.MaxLinks, defaultMaxLinks)
	c.Traces.Slow = or(c.Traces.Slow, defaultSlow)
	c.Logging.Level = or(c.Logging.Level, "info")
	c.Logging.Format = or(c.Logging.Format, "json")
	c.Logging.Output = or(c.Logging.Output, "stdout")
	c.Logging.PerSite = or(c.Logging.PerSite, defaultPerSite)
	return c
}

// or returns v, or fallback if v is the zero value.
func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Validate reports every bad field, not only the first. Zero fields are valid.
func (c Config) Validate() error {
	errs := []error{
		prefixed("export", c.Export.validate()),
		prefixed("logging", c.Logging.validate()),
	}
	if c.Metrics.Interval < 0 {
		errs = append(errs, fmt.Errorf("metrics: interval must not be negative, got %s", c.Metrics.Interval))
	}
	if c.Metrics.MaxSeries < 0 || c.Metrics.MaxSeriesPerMetric < 0 {
		errs = append(errs, errors.New("metrics: the limits of series must not be negative"))
	}
	if c.Traces.MaxLinks < 0 {
		errs = append(errs, fmt.Errorf("traces: max links must not be negative, got %d", c.Traces.MaxLinks))
	}
	if c.Level > Off {
		errs = append(errs, fmt.Errorf("unknown level %d, want Off, Basic or Detail", uint8(c.Level)))
	}
	return errors.Join(errs...)
}

func (e Export) validate() error {
	var errs []error
	if e.Protocol != "" {
		errs = append(errs, checkProtocol(e.Protocol))
	}
	if e.Compression != "" {
		errs = append(errs, checkCompression(e.Compression))
	}
	if e.Endpoint != "" {
		errs = append(errs, checkEndpoint(e.Endpoint))
	}
	if e.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout must not be negative, got %s", e.Timeout))
	}
	return errors.Join(errs...)
}

func (l Logging) validate() error {
	var errs []error
	if l.Level != "" {
		_, err := logs.ParseLevel(l.Level)
		errs = append(errs, err)
	}
	if l.Format != "" {
		_, err := logs.ParseFormat(l.Format)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkProtocol(s string) error {
	return oneOf("protocol", s, ProtocolGRPC, ProtocolHTTP)
}

func checkCompression(s string) error {
	return oneOf("compression", s, "gzip", "none")
}

func oneOf(what, got string, allowed ...string) error {
	if slices.Contains(allowed, got) {
		return nil
	}
	return fmt.Errorf("unknown %s %q, want %s", what, got, strings.Join(allowed, " or "))
}

// checkEndpoint accepts "host:port" and http(s) URLs.
func checkEndpoint(s string) error {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("bad endpoint %q, want host:port or an http or https URL", s)
	}
	return nil
}

func prefixed(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}
