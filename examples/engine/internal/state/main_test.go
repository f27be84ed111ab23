// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		child() // what the parent test kills
		return
	}
	goleak.VerifyTestMain(m)
}
