// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package netns drops packets between an engine and the collector, in network
// namespaces of its own. `make test-netns` runs it, with the build tag netns.
package netns
