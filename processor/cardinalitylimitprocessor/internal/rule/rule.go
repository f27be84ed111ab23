// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package rule says what holds for a metric: how many series it may have and what becomes
// of further ones. Overrides are compiled once and asked by name.
package rule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
)

// Action is what becomes of points of series that have no room. Each action that cannot
// be taken gives way to the next one.
type Action string

const (
	// Observe counts the points and lets them pass.
	Observe Action = "observe"
	// FoldAttribute replaces the value of the one attribute whose removal saves most.
	FoldAttribute Action = "fold_attribute"
	// Fold keeps the protected attributes alone.
	Fold Action = "fold"
	// Drop takes the points out.
	Drop Action = "drop"
)

// Actions are all of them, in the order of the ladder.
var Actions = []Action{Observe, FoldAttribute, Fold, Drop}

// Rule is what holds for one metric. It is immutable.
type Rule struct {
	// Exempt metrics pass and are not counted against any limit.
	Exempt bool
	// Series is how many series the metric may have per tenant.
	Series int
	// Values is how many values one attribute may have, 0 if there is no such limit.
	Values int
	// Action is what becomes of points of further series.
	Action Action
	// Heaviest gives places to the heaviest series, not to the first ones.
	Heaviest bool
	// Protected attributes are never folded away.
	Protected []string
	// Gauge is how gauges fold.
	Gauge fold.GaugeFold
}

// Override changes a rule for the metrics that it matches. Fields that are not set leave
// what the default says.
type Override struct {
	Pattern
	Exempt    *bool
	Series    *int
	Values    *int
	Action    *Action
	Heaviest  *bool
	Protected []string
	Gauge     *fold.GaugeFold
}

// Pattern matches names of metrics. Exactly one field must be set.
type Pattern struct {
	// Name is an exact name.
	Name string
	// Glob has "*" for any text and "?" for one character.
	Glob string
	// Regexp is an RE2 expression that must match the whole name.
	Regexp string
}

// Compile returns the expression that a pattern stands for.
func (p Pattern) Compile() (*regexp.Regexp, error) {
	set := 0
	for _, text := range []string{p.Name, p.Glob, p.Regexp} {
		if text != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return nil, errors.New("exactly one of name, glob and regexp must be set")
	case p.Name != "":
		return regexp.Compile("^" + regexp.QuoteMeta(p.Name) + "$")
	case p.Glob != "":
		quoted := regexp.QuoteMeta(p.Glob)
		quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
		return regexp.Compile("(?s)^" + quoted + "$")
	default:
		re, err := regexp.Compile("^(?:" + p.Regexp + ")$")
		if err != nil {
			return nil, fmt.Errorf("regexp %q: %w", p.Regexp, err)
		}
		return re, nil
	}
}

// matcher returns whether a name matches. Only patterns that need one have an expression.
func (p Pattern) matcher() (func(name string) bool, error) {
	re, err := p.Compile()
	if err != nil {
		return nil, err
	}
	if p.Regexp != "" || strings.ContainsAny(p.Glob, "*?") {
		return re.MatchString, nil
	}
	exact := p.Name + p.Glob
	return func(name string) bool { return name == exact }, nil
}

// Set finds the rule of a metric. It may be used by many goroutines at once.
type Set struct {
	lookup[Rule]
}

// NewSet compiles overrides. Of several that match a name the first one holds, and it
// holds alone.
func NewSet(fallback Rule, overrides []Override) (*Set, error) {
	s := &Set{lookup[Rule]{fallback: &fallback, cache: map[string]*Rule{}}}
	var errs []error
	for i, o := range overrides {
		match, err := o.matcher()
		if err != nil {
			errs = append(errs, fmt.Errorf("overrides[%d]: %w", i, err))
			continue
		}
		s.add(match, o.apply(fallback))
	}
	return s, errors.Join(errs...)
}

func (o *Override) apply(r Rule) *Rule {
	set(&r.Exempt, o.Exempt)
	set(&r.Series, o.Series)
	set(&r.Values, o.Values)
	set(&r.Action, o.Action)
	set(&r.Heaviest, o.Heaviest)
	set(&r.Gauge, o.Gauge)
	if o.Protected != nil {
		r.Protected = slices.Clone(o.Protected)
	}
	return &r
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// ObservesOnly reports whether no rule takes a point out or changes one.
func (s *Set) ObservesOnly() bool {
	if s.fallback.Action != Observe {
		return false
	}
	for _, e := range s.entries {
		if e.rule.Action != Observe && !e.rule.Exempt {
			return false
		}
	}
	return true
}
