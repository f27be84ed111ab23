// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheREADMEShowsWhatIsCompiledAndLoaded(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(text)
	}
	readme, example := read("README.md"), read("example_test.go")
	_, body, _ := strings.Cut(example, "func Example() {\n")
	body, _, _ = strings.Cut(body, "\tfmt.Println(total)\n")
	for line := range strings.Lines(body) {
		assert.Contains(t, readme, strings.TrimPrefix(line, "\t"))
	}
	_, body, _ = strings.Cut(example, "checks := sdk.Health()\n")
	body, _, _ = strings.Cut(body, "\tremove, err")
	for line := range strings.Lines(body) {
		assert.Contains(t, readme, strings.TrimPrefix(line, "\t"))
	}
	assert.Contains(t, readme, read("testdata/eventflux.toml"))
}
