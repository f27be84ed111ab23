// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

// Action is what is done with data that breaks a rule. A breach is counted
// whatever is done.
type Action uint8

// The actions.
const (
	Observe Action = iota // let it pass as it came
	Fix                   // repair it where that is no guess, and let it pass
	Reject                // take it out and tell the sender
)

// Policy says what is done with what. The zero Policy observes. It is not
// changed while it is in use, and may then be used concurrently.
type Policy struct {
	Rules [RuleCount]Action
	// Unknown is what is done with metrics that are not in the conventions, and
	// that the rule UnknownName did not take out.
	Unknown Unknown
	// Expose makes the data such that the Prometheus exporter neither drops nor
	// mixes up what is an engine's, see CheckMetrics. It also adds
	// deployment.environment.name to resources.
	Expose bool
}

// Unknown is what is done with metrics that are neither in the conventions nor
// under eventflux.custom.
type Unknown uint8

// What is done with them.
const (
	Pass Unknown = iota // they stay as they came
	Tag                 // each point gets the attribute eventflux.unknown, which is true
	Drop                // they are taken out; the sender is not told
)

// changes reports whether the data may leave other than it came.
func (p *Policy) changes() bool {
	if p.Unknown != Pass || p.Expose {
		return true
	}
	for _, a := range p.Rules {
		if a != Observe {
			return true
		}
	}
	return false
}

// fixes reports whether data that breaks the rule is repaired.
func (p *Policy) fixes(r Rule) bool { return p.Rules[r] == Fix }

// rejects reports whether data that breaks the rule is taken out.
func (p *Policy) rejects(r Rule) bool { return p.Rules[r] == Reject }
