// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatusesAreSpelledAsTheRequirementsSpellThem(t *testing.T) {
	text, err := json.Marshal([]Status{Unknown, Healthy, Degraded, Unhealthy, ShuttingDown, 9})
	require.NoError(t, err)
	assert.JSONEq(t, `["unknown","healthy","degraded","unhealthy","shutting_down","status(9)"]`, string(text))
	assert.Equal(t, "critical warning severity(7)", Critical.String()+" "+Warning.String()+" "+Severity(7).String())
}

func TestAnErrorIsUnhealthy(t *testing.T) {
	assert.Equal(t, Result{Status: Healthy}, FromError(nil))
	assert.Equal(t, Result{Status: Unhealthy, Message: "no route"}, FromError(errors.New("no route")))
}

func TestAResultThatNoPartCanHaveIsUnhealthy(t *testing.T) {
	got := Result{Status: ShuttingDown, Message: "bye"}.tidied()
	assert.Equal(t, Unhealthy, got.Status)
	assert.Contains(t, got.Message, "shutting_down")
	assert.Contains(t, got.Message, "bye")
}

func TestMessagesAreShortAndPlain(t *testing.T) {
	assert.Equal(t, "two lines", tidy("two\nlines"))
	assert.Equal(t, "ok", tidy("o\xffk"))
	whole := strings.Repeat("a", maxMessage)
	assert.Equal(t, whole, tidy(whole))
	long := tidy("x" + strings.Repeat("é", maxMessage))
	assert.LessOrEqual(t, len(long), maxMessage)
	assert.True(t, utf8.ValidString(long))
	assert.True(t, strings.HasSuffix(long, "é..."))
}

func TestOptionsOutOfBoundsAreErrorsThatNameThem(t *testing.T) {
	tests := []struct {
		name string
		opts []Option
		want string
	}{
		{"interval", []Option{WithInterval(99 * time.Millisecond)}, "interval must be at least 100ms, got 99ms"},
		{"no timeout", []Option{WithTimeout(0)}, "timeout must be above 0 and at most the interval 10s, got 0s"},
		{"timeout above the interval", []Option{WithTimeout(time.Minute)}, "at most the interval 10s, got 1m0s"},
		{"threshold", []Option{WithThreshold(0)}, "threshold must be at least 1, got 0"},
		{"severity", []Option{WithSeverity(5)}, "unknown severity 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newSettings(tt.opts)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestTheDefaultTimeoutFollowsAShortInterval(t *testing.T) {
	s, err := newSettings([]Option{nil, WithInterval(time.Second)})
	require.NoError(t, err)
	assert.Equal(t, time.Second, s.timeout)
	s, err = newSettings(nil)
	require.NoError(t, err)
	assert.Equal(t, settings{interval: 10 * time.Second, timeout: 2 * time.Second, threshold: 1}, s)
}
