// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"errors"
	"fmt"
)

// FairnessConfig bounds what each engine may send, so that one that floods does
// not take the place of the others.
type FairnessConfig struct {
	// ItemsPerSecond is how many data points, spans and log records, all together,
	// an engine may send on average. What is above is refused for a time that the
	// sender is told. 0, the default, is no limit.
	ItemsPerSecond int `mapstructure:"items_per_second"`
	// Burst is how many it may send at once after a silence. 0, the default, is ten
	// seconds' worth.
	Burst int `mapstructure:"burst"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const defaultBurstSeconds = 10

// Validate checks that the limits are limits.
func (c *FairnessConfig) Validate() error {
	var errs []error
	if c.ItemsPerSecond < 0 {
		errs = append(errs, fmt.Errorf("items_per_second must not be negative, got %d: 0 is no limit", c.ItemsPerSecond))
	}
	if c.Burst < 0 {
		errs = append(errs, fmt.Errorf("burst must not be negative, got %d: 0 is ten times items_per_second", c.Burst))
	}
	if c.Burst > 0 && c.ItemsPerSecond == 0 {
		errs = append(errs, errors.New("burst needs items_per_second"))
	}
	return errors.Join(errs...)
}
