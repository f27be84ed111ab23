// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package engines

import "time"

// KeepTime returns what to add to the timestamps of a request of the engine, of
// which latest is the newest, so that they do not go back, see package clock. For
// senders that are not on the list it is 0.
func (r *Registry) KeepTime(id Identity, latest, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	el, ok := r.byID[id]
	if !ok {
		return 0
	}
	return el.Value.(*engine).clock.Follow(latest, now)
}
