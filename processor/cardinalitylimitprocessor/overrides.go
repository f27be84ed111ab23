// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"go.yaml.in/yaml/v3"
)

// liveConfig is what an overrides file may say. What it does not mention stays as the
// configuration says; its overrides come before those of the configuration.
type liveConfig struct {
	MaxSeries             *int             `mapstructure:"max_series"`
	MaxSeriesPerTenant    *int             `mapstructure:"max_series_per_tenant"`
	MaxSeriesPerMetric    *int             `mapstructure:"max_series_per_metric"`
	MaxValuesPerAttribute *int             `mapstructure:"max_values_per_attribute"`
	MaxTenants            *int             `mapstructure:"max_tenants"`
	MaxMetrics            *int             `mapstructure:"max_metrics"`
	LendUntil             *float64         `mapstructure:"lend_until"`
	Overrides             []OverrideConfig `mapstructure:"overrides"`

	_ struct{}
}

// over returns the configuration with what the file changes, or every mistake in it.
func (c *Config) over(file []byte) (*Config, error) {
	var raw map[string]any
	if err := yaml.Unmarshal(file, &raw); err != nil {
		return nil, err
	}
	var live liveConfig
	if err := confmap.NewFromStringMap(raw).Unmarshal(&live); err != nil {
		return nil, err
	}
	changed := *c
	for to, from := range map[*int]*int{
		&changed.MaxSeries:             live.MaxSeries,
		&changed.MaxSeriesPerTenant:    live.MaxSeriesPerTenant,
		&changed.MaxSeriesPerMetric:    live.MaxSeriesPerMetric,
		&changed.MaxValuesPerAttribute: live.MaxValuesPerAttribute,
		&changed.MaxTenants:            live.MaxTenants,
		&changed.MaxMetrics:            live.MaxMetrics,
	} {
		if from != nil {
			*to = *from
		}
	}
	if live.LendUntil != nil {
		changed.LendUntil = *live.LendUntil
	}
	changed.Overrides = append(live.Overrides, c.Overrides...)
	return &changed, changed.Validate()
}

// watchOverrides applies the overrides file and then every change of it. It watches the
// folder, not the file, because a mounted ConfigMap changes by swapping a link in it.
func (l *limiter) watchOverrides() error {
	if l.cfg.OverridesFile == "" {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch overrides_file: %w", err)
	}
	folder := filepath.Dir(l.cfg.OverridesFile)
	if err := watcher.Add(folder); err != nil {
		return errors.Join(fmt.Errorf("overrides_file: watch %s: %w", folder, err), watcher.Close())
	}
	applied := l.applyOverrides(nil)
	l.stopped.Go(func() {
		defer func() { _ = watcher.Close() }()
		l.followOverrides(watcher, applied)
	})
	return nil
}

// settle is how long a folder has to be quiet before the file in it is read: writing one
// takes several events.
const settle = 100 * time.Millisecond

func (l *limiter) followOverrides(watcher *fsnotify.Watcher, applied []byte) {
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case _, ok := <-watcher.Events:
			if !ok {
				return
			}
			quiet.Reset(settle)
		case err := <-watcher.Errors:
			l.logger.Warn("Changes of the overrides file may go unnoticed until the next one", zap.Error(err))
			quiet.Reset(settle)
		case <-quiet.C:
			applied = l.applyOverrides(applied)
		case <-l.stop:
			return
		}
	}
}

// applyOverrides reads the file and, if it is not what was read last, puts it into force.
// A file that is missing or wrong leaves what is in force. It returns what it read.
func (l *limiter) applyOverrides(last []byte) []byte {
	file, err := os.ReadFile(l.cfg.OverridesFile)
	if err != nil {
		l.logger.Warn("The overrides file cannot be read; the limits in force stay", zap.Error(err))
		return last
	}
	if last != nil && bytes.Equal(file, last) {
		return last
	}
	cfg, err := l.cfg.over(file)
	if err == nil {
		err = l.enforce(cfg)
	}
	l.tel.reloaded(err)
	if err != nil {
		l.logger.Error("The overrides file is wrong; the limits in force stay",
			zap.String("file", l.cfg.OverridesFile), zap.Error(err))
		return file
	}
	l.logger.Info("The overrides file is in force", zap.String("file", l.cfg.OverridesFile),
		zap.Int("overrides", len(cfg.Overrides)-len(l.cfg.Overrides)))
	return file
}

// enforce puts another configuration into force. What was admitted keeps its place.
func (l *limiter) enforce(cfg *Config) error {
	policy, err := newPolicy(cfg)
	if err != nil {
		return err
	}
	l.table.SetLimits(policy.limits)
	l.values.SetLimits(policy.valueLimits())
	l.tenants.SetLimit(cfg.MaxTenants)
	l.policy.Store(policy)
	return nil
}
