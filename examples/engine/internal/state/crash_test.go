// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

const childDir = "STATE_TEST_CHILD"

func child(string) {}
