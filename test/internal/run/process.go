// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package run starts the built binaries as a user would, on free ports, and
// ends them with the test.
package run

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that a healthy program does.
const patience = 60 * time.Second

// Process is one started program.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	output *buffer
	done   chan struct{}
}

// buffer collects what a program prints.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns everything printed so far.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Root is the root of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "builder-config.yaml")); err == nil {
			return dir
		}
	}
	t.Fatal("no builder-config.yaml above the test's folder")
	return ""
}

// Binary returns the path of a program that the Makefile builds.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built, run 'make bin/%s': %v", name, name, err)
	}
	return path
}

// Start runs a program with env added to the test's own environment. It is
// killed at the end of the test, when it has not ended by then; if the test
// failed, its output is logged.
func Start(t testing.TB, name, path string, args []string, env map[string]string) *Process {
	t.Helper()
	p := &Process{t: t, name: name, cmd: exec.Command(path, args...), output: &buffer{}, done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = os.Environ()
	for k, v := range env {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code is read from ProcessState
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, tail(p.Output(), 6000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "..." + s[len(s)-n:]
}

// Output returns what the program printed to stdout and stderr so far.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal; a program that has ended gets none.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("signal %s: %v", p.name, err)
	}
}

// Kill ends the program at once and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Running reports whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait returns the exit code; a program that does not end fails the test.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended after %s", p.name, patience)
		return 0
	}
}

// Stop sends SIGTERM and returns the exit code.
func (p *Process) Stop() int {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Wait()
}

// Eventually waits until what holds, looking 20 times a second, and fails the
// test when it never does.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !Within(holds) {
		t.Fatalf("after %s still not so: %s", patience, what)
	}
}

// Within is Eventually for callers that have more to say when it never holds.
func Within(holds func() bool) bool {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
