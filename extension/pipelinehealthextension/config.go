// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

// Config of the extension: the options of an HTTP server, of which endpoint is
// localhost:13133 by default.
type Config struct {
	// Server holds endpoint, tls, auth and the other options of confighttp.
	Server confighttp.ServerConfig `mapstructure:",squash"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks that there is an address to listen on.
func (c *Config) Validate() error {
	if c.Server.NetAddr.Endpoint == "" {
		return errors.New("endpoint must be host:port, for example localhost:13133")
	}
	return nil
}

func newDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:13133"
	server.TLS = configoptional.None[configtls.ServerConfig]()
	return &Config{Server: server}
}
