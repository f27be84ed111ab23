// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// Defaults for log records and spans. Ten thousand values are more than anybody groups by
// or an index is good for; a hundred keys of that size fit into the whole.
const (
	defaultMaxRecordValues       = 1_000_000
	defaultMaxValuesPerAttribute = 10_000
	defaultMaxAttributes         = 2_000
	maxMaxAttributes             = 1_000_000
)

// defaultExemptKeys are unique by their nature and of no use without their value: nobody
// groups by them, but people read them and find other records with them.
var defaultExemptKeys = []string{
	"exception.message", "exception.stacktrace", "log.record.original", "log.record.uid",
	"span.id", "span_id", "trace.id", "trace_id",
}

// AttributesConfig bounds how many values the attributes of log records and of spans, with
// their events and links, may have. Logs and traces are counted apart, each against the
// whole of every limit here. The attributes of resources and scopes are left alone.
type AttributesConfig struct {
	// MaxValues is how many values may be tracked over all tenants and keys. It bounds the
	// memory to about 14 bytes per value. A tenant may have three quarters of it, more with
	// lend_until. Default 1000000.
	MaxValues int `mapstructure:"max_values"`

	// MaxValuesPerAttribute is how many values one key may have within one tenant. It must
	// not exceed three quarters of MaxValues. Default 10000.
	MaxValuesPerAttribute int `mapstructure:"max_values_per_attribute"`

	// MaxAttributes is how many keys may be tracked over all tenants. No value of a further
	// key has room. Default 2000.
	MaxAttributes int `mapstructure:"max_attributes"`

	// Action is what becomes of values that have no room: "observe", "replace" (the default;
	// with overflow::attribute_value) or "drop", which removes the attribute.
	Action rule.KeyAction `mapstructure:"action"`

	// Keys are globs of the keys that are limited. Empty, the default, means all.
	Keys []string `mapstructure:"keys"`

	// ExemptKeys are globs of keys that are not limited. Overrides come first. The default
	// names what is unique by its nature, such as trace_id and exception.stacktrace.
	ExemptKeys []string `mapstructure:"exempt_keys"`

	// Overrides change what holds for single keys. Of several that match a key the first
	// holds.
	Overrides []AttributeOverrideConfig `mapstructure:"overrides"`

	_ struct{}
}

// AttributeOverrideConfig changes what holds for the keys that it matches.
type AttributeOverrideConfig struct {
	// Key is a glob of keys.
	Key string `mapstructure:"key"`
	// The others are those of AttributesConfig.
	MaxValuesPerAttribute *int            `mapstructure:"max_values_per_attribute"`
	Action                *rule.KeyAction `mapstructure:"action"`

	_ struct{}
}

func createDefaultAttributes() AttributesConfig {
	return AttributesConfig{
		MaxValues:             defaultMaxRecordValues,
		MaxValuesPerAttribute: defaultMaxValuesPerAttribute,
		MaxAttributes:         defaultMaxAttributes,
		Action:                rule.KeyReplace,
		ExemptKeys:            slices.Clone(defaultExemptKeys),
	}
}

// perTenant returns the share of a tenant.
func (c *AttributesConfig) perTenant() int { return max(c.MaxValues-c.MaxValues/4, 1) }

func (c *AttributesConfig) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("attributes::"+format, args...)) }
	if c.MaxValues < 1 || c.MaxValues > maxMaxSeries {
		bad("max_values must be between 1 and %d, got %d", maxMaxSeries, c.MaxValues)
	}
	if c.MaxValuesPerAttribute < 1 {
		bad("max_values_per_attribute must be at least 1, got %d", c.MaxValuesPerAttribute)
	}
	if perTenant := c.perTenant(); c.MaxValuesPerAttribute > perTenant {
		bad("max_values_per_attribute (%d) is more than max_values leaves to a tenant (%d); lower it or raise max_values",
			c.MaxValuesPerAttribute, perTenant)
	}
	if c.MaxAttributes < 1 || c.MaxAttributes > maxMaxAttributes {
		bad("max_attributes must be between 1 and %d, got %d", maxMaxAttributes, c.MaxAttributes)
	}
	if err := oneOf("action", c.Action, rule.KeyActions...); err != nil {
		bad("%w", err)
	}
	for i := range c.Overrides {
		o := &c.Overrides[i]
		if o.Key == "" {
			bad("overrides[%d]: key must not be empty", i)
		}
		if n := o.MaxValuesPerAttribute; n != nil && *n < 1 {
			bad("overrides[%d]: max_values_per_attribute must be at least 1, got %d", i, *n)
		}
		if o.Action != nil {
			if err := oneOf("action", *o.Action, rule.KeyActions...); err != nil {
				bad("overrides[%d]: %w", i, err)
			}
		}
	}
	for i, glob := range c.ExemptKeys {
		if glob == "" {
			bad("exempt_keys[%d] must not be empty", i)
		}
	}
	for i, glob := range c.Keys {
		if glob == "" {
			bad("keys[%d] must not be empty", i)
		}
	}
	return errors.Join(errs...)
}

// rules compiles what holds for which key.
func (c *AttributesConfig) rules() (*rule.Keys, error) {
	overrides := make([]rule.KeyOverride, 0, len(c.Overrides))
	for _, o := range c.Overrides {
		overrides = append(overrides, rule.KeyOverride{Glob: o.Key, Values: o.MaxValuesPerAttribute, Action: o.Action})
	}
	fallback := rule.Key{Values: c.MaxValuesPerAttribute, Action: c.Action}
	keys, err := rule.NewKeys(fallback, overrides, c.ExemptKeys, c.Keys)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	return keys, nil
}
