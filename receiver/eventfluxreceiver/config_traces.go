// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"errors"
	"fmt"
	"time"
)

// TracesConfig says whether the traces of engines are looked at as wholes. That
// costs about 0.3 µs for each span and, with the defaults, 5 MB.
type TracesConfig struct {
	// Window is how long after its first span a trace is waited for. It has to be
	// longer than the longest span and an export interval. 0, the default, waits for
	// none and counts nothing.
	Window time.Duration `mapstructure:"window"`
	// MaxTraces is how many traces are remembered, those that were judged among
	// them: a span that comes after that is an orphan and not late. The default is
	// 20000.
	MaxTraces int `mapstructure:"max_traces"`
	// MaxSpans is how many spans are remembered until their trace is judged. Where
	// there are more, the oldest trace is judged before its time. The default is 100000.
	MaxSpans int `mapstructure:"max_spans"`
	// MaxQueries is how many queries have counts of their own. The default is 200.
	MaxQueries int `mapstructure:"max_queries"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	// mostRemembered keeps a typo from taking gigabytes at start.
	mostRemembered = 10_000_000
	// mostQueries keeps the counts within the 2000 series that one metric of the
	// collector may have.
	mostQueries = 450
)

func newDefaultTraces() TracesConfig {
	return TracesConfig{MaxTraces: 20_000, MaxSpans: 100_000, MaxQueries: 200}
}

// Validate checks that what is remembered is bounded.
func (c *TracesConfig) Validate() error {
	var errs []error
	if c.Window < 0 {
		errs = append(errs, fmt.Errorf("window must not be negative, got %s: 0 looks at no traces", c.Window))
	}
	for _, bound := range []struct {
		key      string
		is, most int
	}{{"max_traces", c.MaxTraces, mostRemembered}, {"max_spans", c.MaxSpans, mostRemembered}, {"max_queries", c.MaxQueries, mostQueries}} {
		if bound.is < 1 || bound.is > bound.most {
			errs = append(errs, fmt.Errorf("%s must be from 1 to %d, got %d", bound.key, bound.most, bound.is))
		}
	}
	return errors.Join(errs...)
}
