// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// File is a log file that is appended to and can be reopened, as log rotation needs it: rename the file, then
// Reopen, and a new one grows under the old name. Safe for concurrent use, also while a write hangs; each Write
// is one write to the file.
type File struct {
	path string

	mu     sync.Mutex // of Reopen and Close
	closed bool
	file   atomic.Pointer[os.File]
	torn   atomic.Bool // the last write was cut short, in the middle of a line
}

// OpenFile opens path to append to, and creates it if it is not there.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	f.file.Store(file)
	return f, nil
}

func (f *File) open() (*os.File, error) {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("could not open the log file: %w", err)
	}
	return file, nil
}

// Write appends one or more whole lines. After a write that was cut short, by a full disk for instance, the next
// one begins on a line of its own.
func (f *File) Write(lines []byte) (int, error) {
	if f == nil {
		return len(lines), nil
	}
	n, err := f.write(lines)
	if errors.Is(err, os.ErrClosed) && n == 0 {
		n, err = f.write(lines) // reopened meanwhile
	}
	if err != nil {
		return n, fmt.Errorf("could not write the log file: %w", err)
	}
	return n, nil
}

func (f *File) write(lines []byte) (int, error) {
	file := f.file.Load()
	if f.torn.Load() {
		if _, err := file.WriteString("\n"); err != nil {
			return 0, err
		}
		f.torn.Store(false)
	}
	n, err := file.Write(lines)
	if err != nil && n > 0 {
		f.torn.Store(true)
	}
	return n, err
}

// Reopen opens the path again and goes on there. On error the file that is open stays in use.
func (f *File) Reopen() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	file, err := f.open()
	if err != nil {
		return fmt.Errorf("could not reopen %s, the old file stays in use: %w", f.path, err)
	}
	f.torn.Store(false)
	return f.file.Swap(file).Close()
}

// Close closes the file; writes after that fail. Closing twice is fine.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.file.Load().Close()
}
