// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// File appends rows to a file, as JSON lines.
type File struct {
	path    string
	names   *event.Symbols
	out     io.Writer
	file    *os.File // nil in tests that bring their own writer
	pending []byte   // encoded and not yet written
	buf     []byte
	last    atomic.Pointer[outcome]
}

// outcome is how a write ended.
type outcome struct{ err error }

// OpenFile opens or creates path for appending.
func OpenFile(path string, names *event.Symbols) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &File{path: path, names: names, out: f, file: f}, nil
}

// Type implements Sink.
func (f *File) Type() string { return "file" }

// Target implements Sink.
func (f *File) Target() string { return "file " + f.path }

// Advice implements Sink.
func (f *File) Advice() string { return "free space or repair access there" }

// Format implements Sink.
func (f *File) Format(b *event.Batch) error {
	f.buf = appendJSON(f.buf[:0], b, f.names)
	f.pending = f.buf
	return nil
}

// Send implements Sink. After a short write it goes on where that one stopped,
// so that no line is torn or doubled.
func (f *File) Send(context.Context) (bytes int, err error) {
	bytes, err = f.out.Write(f.pending)
	f.pending = f.pending[bytes:]
	f.last.Store(&outcome{err})
	return bytes, err
}

// Check returns why the file takes no events, as the last write found out. It
// writes nothing itself: what would be a probe for the disk would be a line too
// many for whoever reads the file. Any goroutine may call it.
func (f *File) Check() error {
	if last := f.last.Load(); last != nil && last.err != nil {
		return fmt.Errorf("could not write the last results: %w", last.err)
	}
	return nil
}

// Finish implements Sink: it waits until the file is on the disk.
func (f *File) Finish(context.Context) error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Sync(); err != nil && !notSyncable(f.file) {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// notSyncable reports whether f is a pipe or a device, which has nothing to sync.
func notSyncable(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

// Position waits until all that was sent is on the disk and returns how many bytes the file has, for Recover. What has
// no length, such as a pipe, is always at 0.
func (f *File) Position() (int64, error) {
	if len(f.pending) > 0 {
		return 0, fmt.Errorf("could not take the position of %s: %d bytes still wait for it", f.path, len(f.pending))
	}
	if err := f.Finish(context.Background()); err != nil || notSyncable(f.file) {
		return 0, err
	}
	return f.file.Seek(0, io.SeekEnd)
}

// Recover cuts the file back to position: what follows is about to be written again.
func (f *File) Recover(position int64) error {
	if notSyncable(f.file) {
		return nil
	}
	size, err := f.file.Seek(0, io.SeekEnd)
	switch {
	case err == nil && size < position:
		err = errors.New("bring it back, or remove the checkpoints, too")
	case err == nil:
		err = f.file.Truncate(position)
	}
	if err != nil {
		return fmt.Errorf("could not cut %s from %d to %d bytes: %w", f.path, size, position, err)
	}
	return nil
}

// Close implements Sink.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
