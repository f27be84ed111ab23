// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "fmt"

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

// String says what is wrong and the way out.
func (f Finding) String() string {
	switch f.Rule {
	case UnknownName:
		if f.Want != "" {
			return fmt.Sprintf("%q is another name of %q: rename it", f.Name, f.Want)
		}
		return fmt.Sprintf("%q is not in the conventions: rename it to one of them, or to eventflux.custom.*", f.Name)
	case WrongType:
		return fmt.Sprintf("%q is a %s: make it a %s", f.Name, f.Got, f.Want)
	case WrongTemporality:
		return fmt.Sprintf("%q has temporality %s: export it as %s", f.Name, f.Got, f.Want)
	case WrongUnit:
		return fmt.Sprintf("%q has unit %q: record it in %q", f.Name, f.Got, f.Want)
	case MissingAttribute:
		return fmt.Sprintf("%q lacks attribute %q: set it", f.Name, f.Attribute)
	default:
		return fmt.Sprintf("%q has attribute %q with value %q: set it to %s", f.Name, f.Attribute, f.Got, f.Want)
	}
}
