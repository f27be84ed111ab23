// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

// defaultPort is what health_check listens on as well, so that probes need no
// change when one replaces the other.
const (
	defaultPort     = "13133"
	defaultEndpoint = "localhost:" + defaultPort
)

// Config of the extension. The options of the HTTP server stand beside the
// others, not below a key, so that endpoint is where health_check has it.
type Config struct {
	// Server holds endpoint, tls, auth, cors and the timeouts. The endpoint is
	// localhost:13133 by default.
	Server confighttp.ServerConfig `mapstructure:",squash"`

	// Drain says how the process ends.
	Drain DrainConfig `mapstructure:"drain"`

	// Ready says what else /ready takes.
	Ready ReadyConfig `mapstructure:"ready"`

	// RecoveryDuration is how long a component may stay in a recoverable error,
	// counted from its first report, before event_pipeline is fail instead of
	// degraded. 0 means fail at once; the default is 1m.
	RecoveryDuration time.Duration `mapstructure:"recovery_duration"`

	// Storage names a storage extension, for example file_storage, that is written to
	// every ten seconds: how that goes is the collector's part of state_backend. Unset,
	// engines alone are asked.
	Storage *component.ID `mapstructure:"storage"`

	// Engines says how the engines' health becomes that of the whole.
	Engines EnginesConfig `mapstructure:"engines"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ReadyConfig says what readiness takes, beside pipelines that run and memory.
type ReadyConfig struct {
	// Require are names of checks of /health that must not be degraded or fail. The
	// default is none: what is wrong outside is no better at another replica.
	Require []string `mapstructure:"require"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks the names.
func (c *ReadyConfig) Validate() error {
	for _, name := range c.Require {
		if !slices.Contains(verdict.CheckNames, name) {
			return fmt.Errorf("require must be names of checks (%s), got %q", strings.Join(verdict.CheckNames, ", "), name)
		}
	}
	return nil
}

// EnginesConfig says how the engines' health becomes that of the whole.
type EnginesConfig struct {
	// UnhealthyWhen is all or any: of the engines, how many must be silent or
	// unhealthy before /health is unhealthy and not only degraded. The default is
	// all.
	UnhealthyWhen Quorum `mapstructure:"unhealthy_when"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Quorum is how many are enough.
type Quorum string

// The values of a Quorum.
const (
	All Quorum = "all"
	Any Quorum = "any"
)

// Validate checks the word.
func (c *EnginesConfig) Validate() error {
	if c.UnhealthyWhen != All && c.UnhealthyWhen != Any {
		return fmt.Errorf("unhealthy_when must be %q or %q, got %q", All, Any, c.UnhealthyWhen)
	}
	return nil
}

// DrainConfig says how long the process keeps serving after SIGTERM.
type DrainConfig struct {
	// Min is the least time from SIGTERM to the first receiver that stops. Meanwhile
	// /ready answers 503. The default is 5s.
	Min time.Duration `mapstructure:"min"`
	// Max is the longest, for as long as a queue in memory is not empty. It must not
	// be below Min, but for 0, which waits for no queue; with both at 0 nothing is
	// held. The default is 25s.
	Max time.Duration `mapstructure:"max"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate reports every bad field, not only the first.
func (c *Config) Validate() error {
	var errs []error
	if c.Server.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("endpoint must be host:port, for example "+defaultEndpoint))
	}
	if c.RecoveryDuration < 0 {
		errs = append(errs, fmt.Errorf("recovery_duration must not be negative, got %s", c.RecoveryDuration))
	}
	return errors.Join(errs...)
}

// Validate checks the times.
func (c *DrainConfig) Validate() error {
	switch {
	case c.Min < 0:
		return fmt.Errorf("min must not be negative, got %s", c.Min)
	case c.Max < 0:
		return fmt.Errorf("max must not be negative, got %s", c.Max)
	case c.Max > 0 && c.Max < c.Min:
		return fmt.Errorf("max must not be below min, got %s and %s; 0 waits for no queue", c.Max, c.Min)
	}
	return nil
}

func newDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.TLS = configoptional.None[configtls.ServerConfig]()
	server.ReadHeaderTimeout = 5 * time.Second
	server.ReadTimeout = 10 * time.Second
	server.WriteTimeout = 10 * time.Second
	server.IdleTimeout = 30 * time.Second
	return &Config{
		Server:           server,
		Drain:            DrainConfig{Min: 5 * time.Second, Max: 25 * time.Second},
		RecoveryDuration: time.Minute,
		Engines:          EnginesConfig{UnhealthyWhen: All},
	}
}
