// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"io"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/queue"
)

// settings is a Config with the environment laid over it and the options on top: what Start works from.
type settings struct {
	cfg        Config
	attributes []attribute.KeyValue // further resource attributes, later ones win
	disabled   bool                 // OTEL_SDK_DISABLED
	pinned     map[string]bool      // exporter settings that an option fixed against the environment
	problems   []error              // environment values that were ignored

	spanQueue     queue.Options
	logQueue      queue.Options
	exportTimeout time.Duration // of one export of metrics
	noExemplars   bool

	onError   func(error)
	logWriter io.Writer
	exporters Exporters
	globals   bool
}

func newSettings(cfg Config, opts []Option) settings {
	s := settings{cfg: cfg, pinned: make(map[string]bool)}
	s = environment{lookup: os.LookupEnv}.overlay(s)
	for _, opt := range opts {
		if opt != nil {
			s = opt.apply(s)
		}
	}
	s.cfg = s.cfg.withDefaults()
	return s
}

// pin notes that an option decided name, one of the suffixes of OTEL_EXPORTER_OTLP_*.
func (s settings) pin(name string) settings {
	s.pinned[name] = true
	return s
}
