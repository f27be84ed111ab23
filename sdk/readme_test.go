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
	readme, example := read("README.md"), strings.ReplaceAll(read("example_test.go"), `"testdata/`, `"`)
	blocks := strings.Split(readme, "```go\n")[1:]
	require.GreaterOrEqual(t, len(blocks), 5)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		for line := range strings.Lines(code) {
			if line = strings.TrimSpace(line); line != "" {
				assert.Contains(t, example, line)
			}
		}
	}
	assert.Contains(t, readme, read("testdata/eventflux.toml"))
}
