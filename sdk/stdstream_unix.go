// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package telemetry

import (
	"os"
	"sync"
	"syscall"
)

// Writing to stdout or stderr when nobody reads them any more ends a Go process with SIGPIPE, but writing to any other
// descriptor only fails. The death of whoever reads the log must not be the engine's, so lines go to copies.
var (
	stdoutCopy = sync.OnceValue(func() *os.File { return duplicate(syscall.Stdout, "/dev/stdout") })
	stderrCopy = sync.OnceValue(func() *os.File { return duplicate(syscall.Stderr, "/dev/stderr") })
)

// stdout is os.Stdout, but without its signal. If the host has put another file there, it is that one.
func stdout() *os.File { return harmless(os.Stdout, "/dev/stdout", stdoutCopy) }

// stderr is the same for os.Stderr.
func stderr() *os.File { return harmless(os.Stderr, "/dev/stderr", stderrCopy) }

func harmless(f *os.File, original string, duplicated func() *os.File) *os.File {
	if f == nil || f.Name() != original {
		return f
	}
	if d := duplicated(); d != nil {
		return d
	}
	return f
}

// duplicate returns nil if there is no descriptor left. Child processes do not inherit the copy.
func duplicate(fd int, name string) *os.File {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	copied, err := syscall.Dup(fd)
	if err != nil {
		return nil
	}
	syscall.CloseOnExec(copied)
	return os.NewFile(uintptr(copied), name) //nolint:gosec // a descriptor
}
