// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package run

import "testing"

// StartAlone starts one node, "a" or "b", and waits for nothing: it may refuse to start, and has no peer.
func (n NewEngine) StartAlone(t testing.TB, name string) *Process {
	t.Helper()
	args := n.A
	if name == "b" {
		args = n.B
	}
	return n.node(t, name, args)
}
