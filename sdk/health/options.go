// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"errors"
	"fmt"
	"time"
)

// The schedule of a check that sets no other.
const (
	defaultInterval = 10 * time.Second
	defaultTimeout  = 2 * time.Second
	minInterval     = 100 * time.Millisecond
)

// Option changes how a check is run and counted.
type Option interface {
	apply(settings) settings
}

type option func(settings) settings

func (o option) apply(s settings) settings { return o(s) }

// WithSeverity says how much the check matters to the whole. The default is Critical.
func WithSeverity(severity Severity) Option {
	return option(func(s settings) settings { s.severity = severity; return s })
}

// WithInterval sets the time from one run to the next: 10s, or at least 100ms.
func WithInterval(interval time.Duration) Option {
	return option(func(s settings) settings { s.interval = interval; return s })
}

// WithTimeout sets how long a run may take: 2s, or the interval if that is shorter. It must not be longer than the
// interval.
func WithTimeout(timeout time.Duration) Option {
	return option(func(s settings) settings { s.timeout = timeout; s.timeoutSet = true; return s })
}

// WithThreshold makes a check count as worse than before only after n runs in a row said so. Getting better always
// counts at once. The default is 1.
func WithThreshold(n int) Option {
	return option(func(s settings) settings { s.threshold = n; return s })
}

// settings say how one check is run and counted.
type settings struct {
	severity   Severity
	interval   time.Duration
	timeout    time.Duration
	timeoutSet bool
	threshold  int
}

func newSettings(opts []Option) (settings, error) {
	s := settings{interval: defaultInterval, timeout: defaultTimeout, threshold: 1}
	for _, opt := range opts {
		if opt != nil {
			s = opt.apply(s)
		}
	}
	if !s.timeoutSet {
		s.timeout = min(s.timeout, s.interval)
	}
	return s, s.validate()
}

func (s settings) validate() error {
	var errs []error
	if s.severity > Warning {
		errs = append(errs, fmt.Errorf("unknown severity %d, want Critical or Warning", s.severity))
	}
	if s.interval < minInterval {
		errs = append(errs, fmt.Errorf("interval must be at least %s, got %s", minInterval, s.interval))
	}
	if s.timeoutSet && (s.timeout <= 0 || s.timeout > s.interval) {
		errs = append(errs, fmt.Errorf("timeout must be above 0 and at most the interval %s, got %s", s.interval, s.timeout))
	}
	if s.threshold < 1 {
		errs = append(errs, fmt.Errorf("threshold must be at least 1, got %d", s.threshold))
	}
	return errors.Join(errs...)
}
