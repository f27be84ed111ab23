// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func say(t *testing.T, f *File, line string) {
	t.Helper()
	_, err := f.Write([]byte(line))
	require.NoError(t, err)
}

func TestARotatedFileGrowsAnewAfterReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	f, err := OpenFile(path)
	require.NoError(t, err)
	say(t, f, "one\n")
	require.NoError(t, os.Rename(path, path+".1"))
	say(t, f, "two\n")
	require.NoError(t, f.Reopen())
	say(t, f, "three\n")
	assert.Equal(t, "one\ntwo\n", read(t, path+".1"))
	assert.Equal(t, "three\n", read(t, path))
	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "twice is fine")
	require.NoError(t, f.Reopen(), "closed stays closed")
	_, err = f.Write([]byte("four\n"))
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestWithoutItsDirectoryTheOldFileStaysInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o750))
	path := filepath.Join(dir, "engine.log")
	f, err := OpenFile(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.ErrorIs(t, f.Reopen(), fs.ErrNotExist)
	say(t, f, "still here\n")
	assert.Equal(t, "still here\n", read(t, filepath.Join(dir+".old", "engine.log")))
}

func TestAFileThatCannotBeOpenedIsNamed(t *testing.T) {
	_, err := OpenFile(filepath.Join(t.TempDir(), "missing", "engine.log"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "engine.log")
}

func TestAfterATornLineTheNextOneBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	f, err := OpenFile(path)
	require.NoError(t, err)
	say(t, f, "to")
	f.torn.Store(true)
	say(t, f, "two\n")
	say(t, f, "three\n")
	assert.Equal(t, "to\ntwo\nthree\n", read(t, path))
	require.NoError(t, f.Close())
}

func TestANilFileTakesEverything(t *testing.T) {
	var f *File
	say(t, f, "x\n")
	require.NoError(t, f.Reopen())
	require.NoError(t, f.Close())
}
