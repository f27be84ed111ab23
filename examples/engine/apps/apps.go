// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package apps holds the demo application.
package apps

import _ "embed"

// Demo is the application that runs unless another is named.
//
//go:embed stock_alerts.toml
var Demo []byte
