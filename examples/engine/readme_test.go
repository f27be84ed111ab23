// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/command"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/node"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the texts between fences of a language.
func blocks(text, language string) (found []string) {
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestTheApplicationOfTheReadmeRuns(t *testing.T) {
	files := blocks(readme(t), "toml")
	if len(files) != 1 {
		t.Fatalf("%d applications, want 1", len(files))
	}
	a, err := app.Parse([]byte(files[0]), map[string]string{"rate": "0"})
	if err != nil {
		t.Fatal(err)
	}
	a.Sources[0].Events = 10_000
	n, err := node.New(telemetry.Noop(), a, node.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context(), t.Context()); err != nil {
		t.Error(err)
	}
	got := n.Totals()
	if q := got.Queries["turnover"]; got.Read != 10_000 || q.Processed != 10_000 || q.Emitted < 3 {
		t.Errorf("read %d, processed %d, emitted %d", got.Read, q.Processed, q.Emitted)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheCommandsOfTheReadmeAreUnderstood(t *testing.T) {
	commands := 0
	for _, block := range blocks(readme(t), "sh") {
		for line := range strings.Lines(block) {
			_, args, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), " &"), "./eventflux-engine run ")
			if !ok {
				continue
			}
			commands++
			if _, err := command.ParseRun(strings.Fields(args), io.Discard); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if commands != 3 {
		t.Errorf("%d commands, want 3", commands)
	}
}

func TestTheReadmeNamesEveryFlag(t *testing.T) {
	var help strings.Builder
	if _, err := command.ParseRun([]string{"--help"}, &help); !errors.Is(err, command.ErrHelp) {
		t.Fatal(err)
	}
	text := readme(t)
	for _, m := range regexp.MustCompile(`(?m)^  -(\S+)`).FindAllStringSubmatch(help.String(), -1) {
		if !strings.Contains(text, "`--"+m[1]) {
			t.Errorf("--%s is not in the README", m[1])
		}
	}
}
