// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "--node must be a or b",
		"--node c":                          "\"c\"",
		"--node a --speed 3":                "-speed",
		"--node a --rate fast":              "-rate",
		"--node a --rate -1":                "rate must not be negative",
		"--node a --window 0s":              "window must be positive",
		"--node a --batch 0":                "batch must be from 1",
		"--node b --sliding 0":              "-sliding",
		"--node b --threshold -1 --batch 0": "threshold must be positive",
		"--node b more":                     "unexpected argument \"more\"",
	} {
		_, err := Parse(strings.Fields(line), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to say %q", line, err, want)
		}
	}
}

func TestHelpListsEveryFlag(t *testing.T) {
	var out strings.Builder
	if _, err := Parse([]string{"--help"}, &out); !errors.Is(err, ErrHelp) {
		t.Fatal(err)
	}
	for _, flag := range []string{"-node", "-replay", "-sliding", "-config", "-linger"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("help lacks %s", flag)
		}
	}
}

func TestAReplayHasNoRateUnlessOneIsGiven(t *testing.T) {
	for line, want := range map[string]float64{
		"--node a":                     1000,
		"--node a --replay x":          0,
		"--node a --replay x --rate 7": 7,
	} {
		s, err := Parse(strings.Fields(line), io.Discard)
		if err != nil || s.App.Rate != want {
			t.Errorf("%q: rate %v, %v; want %v", line, s.App.Rate, err, want)
		}
	}
}

func TestSlidingIsASpanOrACount(t *testing.T) {
	s, err := Parse(strings.Fields("--node b --sliding 90m"), io.Discard)
	if err != nil || s.App.Sliding.Span != 90*time.Minute || s.App.Sliding.Count != 0 {
		t.Errorf("%+v, %v", s.App.Sliding, err)
	}
	s, err = Parse(strings.Fields("--node b --sliding 20"), io.Discard)
	if err != nil || s.App.Sliding.Count != 20 || s.App.Sliding.Span != 0 {
		t.Errorf("%+v, %v", s.App.Sliding, err)
	}
}
