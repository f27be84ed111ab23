// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package readmetest keeps a component's README true: its examples are files
// that the built collector can check, and its table has the real defaults.
package readmetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Check reads README.md of the package under test, and any README-*.md beside
// it. The YAML in them must be exactly the files testdata/example-*.yaml, of
// which there must be two at least, and every option must stand in a table with
// its default.
func Check(t *testing.T, defaults map[string]string) {
	t.Helper()
	paths, err := filepath.Glob("README*.md")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, path := range paths {
		text.WriteString(read(t, path))
	}
	readme := text.String()
	examples, err := filepath.Glob(filepath.Join("testdata", "example-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if shown := strings.Count(readme, "```yaml"); len(examples) < 2 || shown != len(examples) {
		t.Errorf("%d examples in testdata and %d YAML blocks in the README, want as many, and two at least", len(examples), shown)
	}
	for _, example := range examples {
		if !strings.Contains(readme, "```yaml\n"+read(t, example)+"```\n") {
			t.Errorf("the README does not show %s as it is", example)
		}
	}
	for option, value := range defaults {
		if !strings.Contains(readme, "| `"+option+"` | "+value+" |") {
			t.Errorf("the README does not say that %s is %s by default", option, value)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
