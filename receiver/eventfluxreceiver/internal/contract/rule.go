// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"strconv"
)

// Rule is one rule of the contract. The list is closed.
type Rule uint8

// The rules.
const (
	UnknownName      Rule = iota // a metric or event of the namespace eventflux that the conventions do not know, or an older name
	WrongType                    // a metric whose type gives other series than its instrument does, a span of another kind
	WrongTemporality             // a sum or histogram that is not cumulative
	WrongUnit                    // a metric in another unit
	MissingAttribute             // a required attribute is absent or has no value
	WrongValue                   // an attribute of another type, or not one of its list
	AmbiguousName                // a metric of the engine's own that Prometheus gives the name of another one

	noRule // one more than the last
)

// RuleCount is the number of rules.
const RuleCount = int(noRule)

// Rules returns all rules in their order.
func Rules() [RuleCount]Rule {
	var all [RuleCount]Rule
	for i := range all {
		all[i] = Rule(i)
	}
	return all
}

// String returns the stable name of the rule, such as "wrong_unit".
func (r Rule) String() string {
	switch r {
	case UnknownName:
		return "unknown_name"
	case WrongType:
		return "wrong_type"
	case WrongTemporality:
		return "wrong_temporality"
	case WrongUnit:
		return "wrong_unit"
	case MissingAttribute:
		return "missing_attribute"
	case WrongValue:
		return "wrong_value"
	case AmbiguousName:
		return "ambiguous_name"
	default:
		return "none"
	}
}

// Finding is one breach of the contract.
type Finding struct {
	Rule Rule
	// Name of the metric, span or event.
	Name string
	// Attribute is the key that is missing or wrong, empty for other rules.
	Attribute string
	// Got is what was sent and Want what the conventions have, where that is short.
	Got, Want string
}

// maxQuoted bounds what is repeated of names and values: they come from the
// sender and may be of any length.
const maxQuoted = 120

// String says what is wrong and the way out.
func (f Finding) String() string {
	name, attribute, got := quote(f.Name), quote(f.Attribute), quote(f.Got)
	switch f.Rule {
	case UnknownName:
		if f.Want != "" {
			return fmt.Sprintf("%s is another name of %q: rename it", name, f.Want)
		}
		return name + " is not in the conventions: rename it to one of them, or to eventflux.custom.*"
	case AmbiguousName:
		return fmt.Sprintf("%s gets the Prometheus name of %s: rename one of them", name, quote(f.Want))
	case WrongType:
		return fmt.Sprintf("%s is a %s: make it a %s", name, f.Got, f.Want)
	case WrongTemporality:
		return fmt.Sprintf("%s has temporality %s: export it as %s", name, f.Got, f.Want)
	case WrongUnit:
		return fmt.Sprintf("%s has unit %s: record it in %q", name, got, f.Want)
	case MissingAttribute:
		return fmt.Sprintf("%s lacks attribute %s: set it", name, attribute)
	default:
		return fmt.Sprintf("%s has attribute %s with value %s: set it to %s", name, attribute, got, f.Want)
	}
}

// quote returns text in quotes, valid as UTF-8 and of bounded length.
func quote(text string) string {
	if len(text) > maxQuoted {
		return strconv.Quote(text[:maxQuoted]) + "..."
	}
	return strconv.Quote(text)
}
