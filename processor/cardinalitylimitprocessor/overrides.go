// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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
	Attributes            liveAttributes   `mapstructure:"attributes"`

	_ struct{}
}

// liveAttributes is the same for log records and spans.
type liveAttributes struct {
	MaxValues             *int                      `mapstructure:"max_values"`
	MaxValuesPerAttribute *int                      `mapstructure:"max_values_per_attribute"`
	MaxAttributes         *int                      `mapstructure:"max_attributes"`
	Overrides             []AttributeOverrideConfig `mapstructure:"overrides"`

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

		&changed.Attributes.MaxValues:             live.Attributes.MaxValues,
		&changed.Attributes.MaxValuesPerAttribute: live.Attributes.MaxValuesPerAttribute,
		&changed.Attributes.MaxAttributes:         live.Attributes.MaxAttributes,
	} {
		if from != nil {
			*to = *from
		}
	}
	if live.LendUntil != nil {
		changed.LendUntil = *live.LendUntil
	}
	changed.Overrides = append(live.Overrides, c.Overrides...)
	changed.Attributes.Overrides = append(live.Attributes.Overrides, c.Attributes.Overrides...)
	return &changed, changed.Validate()
}

// overridesFile is a file that is followed by the limiter of one signal.
type overridesFile struct {
	cfg     *Config
	logger  *zap.Logger
	enforce func(*Config) error // puts another configuration into force
	count   func(error)         // a file that was read
}

// watch applies the file and then every change of it until stop is closed. It watches the
// folder, not the file, because a mounted ConfigMap changes by swapping a link in it.
func (f *overridesFile) watch(stopped *sync.WaitGroup, stop <-chan struct{}) error {
	if f.cfg.OverridesFile == "" {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch overrides_file: %w", err)
	}
	folder := filepath.Dir(f.cfg.OverridesFile)
	if err := watcher.Add(folder); err != nil {
		return errors.Join(fmt.Errorf("overrides_file: watch %s: %w", folder, err), watcher.Close())
	}
	applied := f.apply(nil)
	stopped.Go(func() {
		defer func() { _ = watcher.Close() }()
		f.follow(watcher, stop, applied)
	})
	return nil
}

// settle is how long a folder has to be quiet before the file in it is read: writing one
// takes several events.
const settle = 100 * time.Millisecond

func (f *overridesFile) follow(watcher *fsnotify.Watcher, stop <-chan struct{}, applied []byte) {
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
			f.logger.Warn("Changes of the overrides file may go unnoticed until the next one", zap.Error(err))
			quiet.Reset(settle)
		case <-quiet.C:
			applied = f.apply(applied)
		case <-stop:
			return
		}
	}
}

// apply reads the file and, if it is not what was read last, puts it into force. A file that
// is missing or wrong leaves what is in force. It returns what it read.
func (f *overridesFile) apply(last []byte) []byte {
	file, err := os.ReadFile(f.cfg.OverridesFile)
	if err != nil {
		f.logger.Warn("The overrides file cannot be read; the limits in force stay", zap.Error(err))
		return last
	}
	if last != nil && bytes.Equal(file, last) {
		return last
	}
	cfg, err := f.cfg.over(file)
	if err == nil {
		err = f.enforce(cfg)
	}
	f.count(err)
	if err != nil {
		f.logger.Error("The overrides file is wrong; the limits in force stay",
			zap.String("file", f.cfg.OverridesFile), zap.Error(err))
		return file
	}
	f.logger.Info("The overrides file is in force", zap.String("file", f.cfg.OverridesFile),
		zap.Int("overrides", len(cfg.Overrides)-len(f.cfg.Overrides)+len(cfg.Attributes.Overrides)-len(f.cfg.Attributes.Overrides)))
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

// enforce puts another configuration into force. What was admitted keeps its place.
func (l *recordLimiter) enforce(cfg *Config) error {
	policy, err := newRecordPolicy(cfg)
	if err != nil {
		return err
	}
	l.values.SetLimits(policy.limits)
	l.tenants.SetLimit(cfg.MaxTenants)
	l.policy.Store(policy)
	return nil
}
