// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
)

// maxExample bounds the text kept of the first breach of a rule: there may be one
// for each rule of each engine.
const maxExample = 300

var _ engineview.ContractSource = (*Registry)(nil)

// ledger is what one engine sends and gets wrong: a bit for each metric of the
// conventions and at most one example for each rule.
type ledger struct {
	sent  semconv.MetricSet
	rules *[contract.RuleCount]breach // nil while nothing was wrong
}

type breach struct {
	count, rejected uint64
	first           string
	at, last        time.Time
}

// Has reports whether the engine is on the list.
func (r *Registry) Has(id Identity) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.byID[id]
	return ok
}

// Names returns the names of the engine's own metrics, and reports whether the
// engine is on the list.
func (r *Registry) Names(id Identity) (names *contract.Names, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return nil, false
	}
	return &el.Value.(*engine).names, true
}

// Checked records what a check found in data of the engine, and returns the account
// for what is left of it. Of senders that are not on the list nothing is kept, and
// the account is nil.
func (r *Registry) Checked(id Identity, did *contract.Report, now time.Time) *Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return nil
	}
	e := el.Value.(*engine)
	e.ledger.add(did, now)
	if n := did.RejectedItems(); n > 0 {
		e.account.rejected.Add(uint64(n))
	}
	return e.account
}

func (l *ledger) add(did *contract.Report, now time.Time) {
	l.sent.AddAll(did.Sent)
	for i, n := range did.Found {
		if n == 0 {
			continue
		}
		if l.rules == nil {
			l.rules = new([contract.RuleCount]breach)
		}
		b := &l.rules[i]
		if b.count == 0 {
			b.first, b.at = shorten(did.First[i].String()), now
		}
		b.last = now
		b.count += uint64(n)
		b.rejected += uint64(did.Rejected[i])
	}
}

func shorten(text string) string {
	if len(text) <= maxExample {
		return text
	}
	return strings.ToValidUTF8(text[:maxExample], "") + "..."
}

// Contract implements [engineview.ContractSource]. Its cost grows with the
// number of engines.
func (r *Registry) Contract(instance string) []engineview.Contract {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []engineview.Contract
	for id, el := range r.byID {
		if id.Instance == instance {
			found = append(found, el.Value.(*engine).contract())
		}
	}
	slices.SortFunc(found, func(a, b engineview.Contract) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

func (e *engine) contract() engineview.Contract {
	c := engineview.Contract{
		Name: e.id.Name, InstanceID: e.id.Instance, Version: e.version,
		FirstSeen: e.firstSeen, LastSeen: e.lastSeen,
		Sends: []string{}, Lacks: []string{}, Violations: []engineview.Violation{},
	}
	for m := range semconv.Metrics() {
		switch {
		case e.ledger.sent.Has(m):
			c.Sends = append(c.Sends, m.Name())
		case m.Fixed():
			c.Lacks = append(c.Lacks, m.Name())
		}
	}
	slices.Sort(c.Sends)
	slices.Sort(c.Lacks)
	if e.ledger.rules == nil {
		return c
	}
	for _, rule := range contract.Rules() {
		if b := e.ledger.rules[rule]; b.count > 0 {
			c.Violations = append(c.Violations, engineview.Violation{
				Rule: rule.String(), Breaches: b.count, Rejected: b.rejected, First: b.first, FirstSeen: b.at, LastSeen: b.last,
			})
		}
	}
	return c
}
