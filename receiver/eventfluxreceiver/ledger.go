// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// itemKind is what the items of a request are.
type itemKind uint8

const (
	metricSignal itemKind = iota
	traceSignal
	logSignal

	signalCount int = iota
)

// signalNames are the values of the attribute signal, itemNames what senders read.
var (
	signalNames = [signalCount]string{"metrics", "traces", "logs"}
	itemNames   = [signalCount]string{"data points", "spans", "log records"}
)

// admission adds up what was taken out of the resources of one request, and whose
// the rest is.
type admission struct {
	signal   itemKind
	rejected int
	reason   string
	// first is what is left of the first engine, others of the others: most requests
	// are of one.
	first  due
	others []due
}

// due is how many items of an engine are under way. The account is nil for none.
type due struct {
	account *engines.Account
	items   int
}

func (a *admission) add(did *contract.Report) {
	n := did.RejectedItems()
	if n > 0 && a.rejected == 0 {
		a.reason = did.Reason()
	}
	a.rejected += n
}

// owe notes that items of an engine are to be settled. Items of others have no account.
func (a *admission) owe(account *engines.Account, items int) {
	switch {
	case account == nil:
	case a.first.account == nil:
		a.first = due{account, items}
	default:
		a.others = append(a.others, due{account, items})
	}
}

// settle tells the accounts what became of the request.
func (a *admission) settle(err error) {
	if a.first.account == nil {
		return
	}
	a.first.account.Settle(a.first.items, err == nil)
	for _, d := range a.others {
		d.account.Settle(d.items, err == nil)
	}
}

// answer is what the sender is told.
func (a *admission) answer() server.Rejected {
	if a.rejected == 0 {
		return server.Rejected{}
	}
	return server.Rejected{
		Items:   int64(a.rejected),
		Message: fmt.Sprintf("%s rejected because they break the conventions: %d; the first: %s", itemNames[a.signal], a.rejected, a.reason),
	}
}

func countSpans(rs ptrace.ResourceSpans) (n int) {
	for _, ss := range rs.ScopeSpans().All() {
		n += ss.Spans().Len()
	}
	return n
}

func countRecords(rl plog.ResourceLogs) (n int) {
	for _, sl := range rl.ScopeLogs().All() {
		n += sl.LogRecords().Len()
	}
	return n
}
