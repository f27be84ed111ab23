// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"testing"

	"github.com/eventflux-io/eventflux-otel/internal/readmetest"
)

func TestReadmeIsTrue(t *testing.T) {
	readmetest.Check(t, map[string]string{
		"endpoint":                "localhost:13133",
		"drain::max":              "25s",
		"drain::min":              "5s",
		"engines::unhealthy_when": "all",
		"recovery_duration":       "1m",
	})
}
