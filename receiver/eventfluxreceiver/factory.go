// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
)

// NewFactory returns the factory of the eventflux receiver. Pipelines of one
// factory and one configuration share one receiver, and with it the servers
// and the list of engines.
func NewFactory() receiver.Factory {
	shared := &instances{byConfig: make(map[*Config]*eventfluxReceiver)}
	return receiver.NewFactory(
		metadata.Type,
		newDefaultConfig,
		receiver.WithTraces(shared.createTraces, metadata.TracesStability),
		receiver.WithMetrics(shared.createMetrics, metadata.MetricsStability),
		receiver.WithLogs(shared.createLogs, metadata.LogsStability),
	)
}

// instances holds the receiver of each configuration from its creation to its
// shutdown.
type instances struct {
	mu       sync.Mutex
	byConfig map[*Config]*eventfluxReceiver
}

func (s *instances) createTraces(
	_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces,
) (receiver.Traces, error) {
	r, err := s.receiver(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.nextTraces = next
	return r, nil
}

func (s *instances) createMetrics(
	_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics,
) (receiver.Metrics, error) {
	r, err := s.receiver(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.nextMetrics = next
	return r, nil
}

func (s *instances) createLogs(
	_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs,
) (receiver.Logs, error) {
	r, err := s.receiver(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	r.nextLogs = next
	return r, nil
}

// receiver returns the receiver of cfg, a new one for the first pipeline.
func (s *instances) receiver(set receiver.Settings, cfg *Config) (*eventfluxReceiver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.byConfig[cfg]; ok {
		return r, nil
	}
	r, err := newReceiver(set, cfg, func() { s.forget(cfg) })
	if err != nil {
		return nil, err
	}
	s.byConfig[cfg] = r
	return r, nil
}

func (s *instances) forget(cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byConfig, cfg)
}
