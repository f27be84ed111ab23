// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// attributeCheck checks the attributes of the points of one metric, or of one
// span or record.
type attributeCheck struct {
	policy *Policy
	did    *Report
	plan   *plan
	// labels says that the attributes become labels, which must differ.
	labels bool
}

// out checks the attributes of one item, repairs them, and reports whether the
// item is to go.
func (c *attributeCheck) out(attrs pcommon.Map) (out bool) {
	uses := c.plan.uses
	there := 0
	for i := range uses {
		u := &uses[i]
		v, ok := attrs.Get(u.key)
		switch {
		case ok && u.text && v.Str() != "": // only text has one, and this costs less than to ask for the type
			there++
		case ok && valueFits(u, v):
			there++
		case ok || u.Required():
			return c.outOf(attrs)
		}
	}
	// Exactly the keys of the conventions are labels that differ.
	if c.labels && attrs.Len() != there {
		return c.outOf(attrs)
	}
	return false
}

// outOf is out for an item in which something is wrong, or is more than the
// conventions have.
func (c *attributeCheck) outOf(attrs pcommon.Map) (out bool) {
	by := noRule
	before := c.did.Repaired[Relabeled]
	for i := range c.plan.uses {
		if rule := c.misfit(attrs, &c.plan.uses[i]); by == noRule && rule != noRule && c.policy.rejects(rule) {
			by = rule
		}
	}
	if by != noRule {
		c.did.Rejected[by]++
		c.did.Repaired[Relabeled] = before
		return true
	}
	if c.labels {
		relabeled := relabel(attrs, c.plan.uses)
		if separate(attrs) || relabeled {
			c.did.Repaired[Relabeled]++
		}
	}
	c.did.Repaired[Relabeled] = min(c.did.Repaired[Relabeled], before+1) // it counts items
	return false
}

// misfit counts an attribute that is absent or wrong, and repairs it. It returns
// the last rule that is broken, noRule if none is.
func (c *attributeCheck) misfit(attrs pcommon.Map, u *use) Rule {
	rule := noRule
	for {
		v, ok := attrs.Get(u.key)
		absent := !ok || v.Type() == pcommon.ValueTypeEmpty
		if absent && !u.Required() || !absent && valueFits(u, v) {
			return rule
		}
		if _, folded := attrs.Get(keyOverflow); folded {
			return rule
		}
		rule = c.count(u, v, absent)
		if !c.policy.fixes(rule) || !c.repair(attrs, u, v, absent) {
			return rule
		}
	}
}

func (c *attributeCheck) count(u *use, v pcommon.Value, absent bool) Rule {
	if absent {
		if c.did.found(MissingAttribute) {
			c.did.First[MissingAttribute] = Finding{Rule: MissingAttribute, Name: c.plan.name, Attribute: u.key}
		}
		return MissingAttribute
	}
	if c.did.found(WrongValue) {
		c.did.First[WrongValue] = Finding{
			Rule: WrongValue, Name: c.plan.name, Attribute: u.key, Got: v.AsString(), Want: wanted(u),
		}
	}
	return WrongValue
}

// repair reports whether the attribute is there now, or fits now.
func (c *attributeCheck) repair(attrs pcommon.Map, u *use, v pcommon.Value, absent bool) bool {
	if !absent {
		if !retype(attrs, u, v) {
			return false
		}
		c.did.Repaired[Retyped]++
		return true
	}
	relabel(attrs, c.plan.uses)
	if now, ok := attrs.Get(u.key); !ok || now.Type() == pcommon.ValueTypeEmpty {
		if u.key != keyErrorType {
			return false
		}
		attrs.PutStr(keyErrorType, unknownErrorType)
	}
	c.did.Repaired[Relabeled]++
	return true
}
