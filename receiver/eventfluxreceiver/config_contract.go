// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"errors"
	"fmt"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
)

// ContractConfig says what is done with data that does not meet the conventions.
// What breaks a rule is counted whatever is done with it.
type ContractConfig struct {
	// Mode is what is done with what breaks a rule, and with what Prometheus
	// could not take. Default fix.
	Mode ContractMode `mapstructure:"mode"`

	// Rules say for single rules what is done instead.
	Rules RulesConfig `mapstructure:"rules"`

	// Unknown is what is done with metrics that are not in the conventions nor under
	// eventflux.custom, such as those of other software. Default pass.
	Unknown UnknownMode `mapstructure:"unknown"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RulesConfig has a mode for each rule. Where it is empty, as it is by default,
// the mode of the contract holds.
type RulesConfig struct {
	// UnknownName is for metrics of the namespace eventflux that the conventions do
	// not know, and for metrics with names of older engines.
	UnknownName ContractMode `mapstructure:"unknown_name"`
	// WrongType is for metrics whose type gives other series than the conventions say.
	WrongType ContractMode `mapstructure:"wrong_type"`
	// WrongTemporality is for sums and histograms that are not cumulative.
	WrongTemporality ContractMode `mapstructure:"wrong_temporality"`
	// WrongUnit is for metrics in another unit.
	WrongUnit ContractMode `mapstructure:"wrong_unit"`
	// MissingAttribute is for what lacks a required attribute.
	MissingAttribute ContractMode `mapstructure:"missing_attribute"`
	// WrongValue is for attributes of another type or with a value that is not on
	// their list.
	WrongValue ContractMode `mapstructure:"wrong_value"`
	// AmbiguousName is for metrics of the engine's own whose names differ from another
	// one of the engine only in what joins their words, which is the same to Prometheus.
	AmbiguousName ContractMode `mapstructure:"ambiguous_name"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// ContractMode is what is done with data that does not meet the conventions.
type ContractMode string

// The modes.
const (
	// ModeObserve lets data pass as it came.
	ModeObserve ContractMode = "observe"
	// ModeFix repairs what can be repaired without guessing, and lets all pass.
	ModeFix ContractMode = "fix"
	// ModeReject takes it out and tells the sender by partial success.
	ModeReject ContractMode = "reject"
)

// UnknownMode is what is done with metrics that are not in the conventions.
type UnknownMode string

// The modes for unknown metrics.
const (
	// UnknownPass leaves them as they came.
	UnknownPass UnknownMode = "pass"
	// UnknownTag gives each point the attribute eventflux.unknown, which is true.
	UnknownTag UnknownMode = "tag"
	// UnknownDrop takes them out, and counts them.
	UnknownDrop UnknownMode = "drop"
)

var unknowns = map[UnknownMode]contract.Unknown{
	UnknownPass: contract.Pass,
	UnknownTag:  contract.Tag,
	UnknownDrop: contract.Drop,
}

var actions = map[ContractMode]contract.Action{
	ModeObserve: contract.Observe,
	ModeFix:     contract.Fix,
	ModeReject:  contract.Reject,
}

func newDefaultContract() ContractConfig { return ContractConfig{Mode: ModeFix, Unknown: UnknownPass} }

// Validate reports every bad mode, not only the first.
func (c *ContractConfig) Validate() error {
	errs := []error{c.Mode.validate("mode")}
	if _, ok := unknowns[c.Unknown]; !ok {
		errs = append(errs, fmt.Errorf("unknown must be %q, %q or %q, got %q", UnknownPass, UnknownTag, UnknownDrop, c.Unknown))
	}
	return errors.Join(errs...)
}

// Validate checks the modes that are set.
func (c *RulesConfig) Validate() error {
	var errs []error
	for i, mode := range c.modes() {
		if mode != "" {
			errs = append(errs, mode.validate(contract.Rule(i).String()))
		}
	}
	return errors.Join(errs...)
}

func (m ContractMode) validate(key string) error {
	if _, ok := actions[m]; !ok {
		return fmt.Errorf("%s must be %q, %q or %q, got %q", key, ModeObserve, ModeFix, ModeReject, m)
	}
	return nil
}

// modes returns the mode of each rule, empty where none is set.
func (c *RulesConfig) modes() [contract.RuleCount]ContractMode {
	return [contract.RuleCount]ContractMode{
		contract.UnknownName:      c.UnknownName,
		contract.WrongType:        c.WrongType,
		contract.WrongTemporality: c.WrongTemporality,
		contract.WrongUnit:        c.WrongUnit,
		contract.MissingAttribute: c.MissingAttribute,
		contract.WrongValue:       c.WrongValue,
		contract.AmbiguousName:    c.AmbiguousName,
	}
}

// policy is what the contract check understands.
func (c *ContractConfig) policy() *contract.Policy {
	p := &contract.Policy{Unknown: unknowns[c.Unknown], Expose: c.Mode == ModeFix}
	for i, mode := range c.Rules.modes() {
		if mode == "" {
			mode = c.Mode
		}
		p.Rules[i] = actions[mode]
	}
	return p
}
