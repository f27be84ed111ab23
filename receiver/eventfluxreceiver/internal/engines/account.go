// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"sync/atomic"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// Account counts what became of the items that an engine sent while it is on the
// list. It is safe for concurrent use, takes no lock, and may be used after the
// engine left the list.
type Account struct{ accepted, refused, rejected atomic.Uint64 }

// Settle counts items that the pipeline took, or that it or the receiver refused,
// so that their sender sends them again or gives them up.
func (a *Account) Settle(items int, accepted bool) {
	if accepted {
		a.accepted.Add(uint64(items))
	} else {
		a.refused.Add(uint64(items))
	}
}

func (a *Account) items() engineview.Items {
	return engineview.Items{Accepted: a.accepted.Load(), Refused: a.refused.Load(), Rejected: a.rejected.Load()}
}
