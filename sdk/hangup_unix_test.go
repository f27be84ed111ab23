// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package telemetry

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSIGHUPReopensTheLogFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o750))
	path := filepath.Join(dir, "engine.log")
	failures := make(chan error, 1)
	sdk, err := Start(t.Context(), Config{Level: Off, Logging: Logging{Output: path}}, WithErrorHandler(func(err error) { failures <- err }))
	require.NoError(t, err)
	say := func(text string) {
		sdk.Logger().Info(text)
		require.NoError(t, sdk.ForceFlush(t.Context()))
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	say("one")
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool {
		say("two")
		text, err := os.ReadFile(path)
		return err == nil && len(text) > 0
	}, 10*time.Second, time.Millisecond)
	assert.Contains(t, read(path+".1"), "one")
	assert.NotContains(t, read(path), "one")
	assert.Contains(t, read(path), "two")

	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.ErrorIs(t, <-failures, os.ErrNotExist)
	say("three")
	assert.Contains(t, read(filepath.Join(dir+".old", "engine.log")), "three", "the old file stays in use")
	require.NoError(t, sdk.Shutdown(t.Context()))
}
