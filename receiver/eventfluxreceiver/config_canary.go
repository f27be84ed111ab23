// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"fmt"
	"time"
)

// CanaryConfig says whether the receiver tries its pipelines itself.
type CanaryConfig struct {
	// Interval is how often a span, a data point and a log record of the collector's
	// own go into the pipelines of the receiver. It bounds how long a destination can
	// be away unnoticed while no engine sends. 0, the default, sends none.
	Interval time.Duration `mapstructure:"interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks that canaries stay few.
func (c *CanaryConfig) Validate() error {
	if c.Interval != 0 && c.Interval < time.Second {
		return fmt.Errorf("interval must be at least 1s, or 0 for no canaries, got %s", c.Interval)
	}
	return nil
}
