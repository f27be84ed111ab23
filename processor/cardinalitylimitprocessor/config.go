// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of the options. They are meant to be out of the way of honest input.
//
// An engine with 1000 queries, each reading two to three of its 1000 streams, has up to
// 2500 series of one metric. Four dozen such engines behind one gateway have 120 000, and
// twice that for as long as series_ttl after a restart of them all, because a new
// service.instance.id makes every series a new one: 240 000, rounded up to 250 000.
//
// Over its twenty metrics such an engine has up to 30 000 series; the same gateway, again
// with all engines restarted once, has 2.9 million, rounded up to 4 million.
const (
	defaultMaxSeriesPerMetric = 250_000
	defaultMaxSeries          = 4_000_000
	defaultMaxMetrics         = 2_000
	defaultSeriesTTL          = 20 * time.Minute
)

const (
	minSeriesTTL  = time.Second
	maxMaxSeries  = 1_000_000_000
	maxMaxMetrics = 1_000_000
	maxSeriesTTL  = 30 * 24 * time.Hour
)

// Config is the configuration of the processor.
type Config struct {
	// MaxSeriesPerMetric is how many series one metric, told by its name, may have over all
	// resources. It must be positive. Series that arrive marked as overflow series are
	// counted apart from all others, against a limit of the same size. Default 250000.
	MaxSeriesPerMetric int `mapstructure:"max_series_per_metric"`

	// MaxSeries is how many series may be tracked over all metrics. It bounds the memory of
	// the processor to 43 bytes per series. It must not be less than MaxSeriesPerMetric.
	// Default 4000000.
	MaxSeries int `mapstructure:"max_series"`

	// MaxMetrics is how many metrics may be tracked, and how many overflow series there may
	// be. Points of further metrics are dropped. It must be positive. Default 2000.
	MaxMetrics int `mapstructure:"max_metrics"`

	// SeriesTTL is how long a series keeps its place without a point. Up to a twentieth of it
	// may pass before the place is free. It must be at least a second. Default 20m.
	SeriesTTL time.Duration `mapstructure:"series_ttl"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate reports every bad field, not only the first.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxSeriesPerMetric <= 0 {
		errs = append(errs, fmt.Errorf("max_series_per_metric must be positive, got %d", c.MaxSeriesPerMetric))
	}
	if c.MaxSeries < c.MaxSeriesPerMetric {
		errs = append(errs, fmt.Errorf("max_series must be at least max_series_per_metric (%d), got %d",
			c.MaxSeriesPerMetric, c.MaxSeries))
	}
	if c.MaxSeries > maxMaxSeries {
		errs = append(errs, fmt.Errorf("max_series must be at most %d, got %d", maxMaxSeries, c.MaxSeries))
	}
	if c.MaxMetrics <= 0 || c.MaxMetrics > maxMaxMetrics {
		errs = append(errs, fmt.Errorf("max_metrics must be between 1 and %d, got %d", maxMaxMetrics, c.MaxMetrics))
	}
	if c.SeriesTTL < minSeriesTTL || c.SeriesTTL > maxSeriesTTL {
		errs = append(errs, fmt.Errorf("series_ttl must be between %s and %s, got %s", minSeriesTTL, maxSeriesTTL, c.SeriesTTL))
	}
	return errors.Join(errs...)
}
