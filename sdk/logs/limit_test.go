// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// inALoop is one call site; inlined, it would be one for each of its callers.
//
//go:noinline
func inALoop(logger *slog.Logger, level slog.Level, n int) {
	for i := range n {
		logger.Log(context.Background(), level, "in a loop", "i", i)
	}
}

func TestACallSiteIsLimitedAndSaysWhatItWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		withheld := 0
		logger := slog.New(Limit(NewHandler(&out, Options{}), 10, func() { withheld++ })).With("query.id", "q1")
		loop := func(level slog.Level, n int) { inALoop(logger, level, n) }
		loop(slog.LevelInfo, 50)
		assert.Equal(t, 10, strings.Count(out.String(), "\n"))
		assert.Equal(t, 40, withheld)
		logger.Info("from another line")
		loop(slog.LevelError, 5)
		assert.Equal(t, 16, strings.Count(out.String(), "\n"), "other lines and levels are not concerned")

		out.Reset()
		time.Sleep(time.Minute)
		loop(slog.LevelInfo, 2)
		assert.Equal(t, 1, strings.Count(out.String(), `"fields":{"query.id":"q1","i":0,"suppressed":40}`), out.String())
		assert.Equal(t, 1, strings.Count(out.String(), `"fields":{"query.id":"q1","i":1}`))
	})
}

func TestNoLimitMeansNoHandler(t *testing.T) {
	h := NewHandler(&bytes.Buffer{}, Options{})
	assert.Same(t, h, Limit(h, -1, nil))
	assert.Same(t, h, Limit(h, 0, nil))
}

func TestARecordWithoutTimeOrPositionIsLimitedToo(t *testing.T) {
	var out bytes.Buffer
	h := Limit(NewHandler(&out, Options{}), 1, nil).WithGroup("g").WithAttrs(nil)
	assert.True(t, h.Enabled(t.Context(), slog.LevelInfo))
	for range 3 {
		assert.NoError(t, h.Handle(context.Background(), slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0)))
	}
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
}
