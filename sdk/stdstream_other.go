// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package telemetry

import "os"

func stdout() *os.File { return os.Stdout }

func stderr() *os.File { return os.Stderr }
