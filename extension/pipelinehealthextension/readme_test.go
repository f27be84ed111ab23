// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The examples are files, so that the built collector can check them. The
// README shows them as they are.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples, err := filepath.Glob(filepath.Join("testdata", "example-*.yaml"))
	require.NoError(t, err)
	require.Len(t, examples, 2)
	assert.Equal(t, len(examples), strings.Count(string(readme), "```yaml"), "the README shows other YAML too")
	for _, example := range examples {
		text, err := os.ReadFile(example)
		require.NoError(t, err)
		assert.Contains(t, string(readme), "```yaml\n"+string(text)+"```\n", "the README does not show %s", example)
	}
}

func TestReadmeNamesEveryOptionWithItsDefault(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for option, value := range map[string]string{
		"endpoint": "localhost:13133", "drain::min": "5s", "recovery_duration": "1m",
	} {
		assert.Contains(t, string(readme), "| `"+option+"` | "+value+" |")
	}
}
