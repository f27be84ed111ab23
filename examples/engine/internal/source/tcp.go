// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// TCP takes one JSON object per line. "OK n" answers that the first n lines of the connection are safe, except those
// that "ERR line: reason" has refused. A connection whose events the stream does not take is closed.
type TCP struct{ server }

// NewTCP returns a server that has not started.
func NewTCP(c Config) *TCP { return &TCP{newServer(c, "tcp", 1<<16, 256)} }

// Run accepts connections until stop ends, and then has what was read taken and answered until run ends.
func (t *TCP) Run(run, stop context.Context, lis net.Listener) error {
	stop, cancel := context.WithCancel(stop)
	defer context.AfterFunc(run, cancel)()
	defer context.AfterFunc(stop, func() { _ = lis.Close() })()
	t.Handle.Connected().Set(1)
	defer t.Handle.Connected().Set(0)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	for {
		conn, err := lis.Accept()
		switch {
		case err == nil:
			open.Go(func() { (&lines{TCP: t, conn: conn}).serve(run, stop) })
		case stop.Err() != nil:
			return nil
		default:
			return fmt.Errorf("accept on %s: %w", lis.Addr(), err)
		}
	}
}

// lines is one connection.
type lines struct {
	*TCP

	conn  net.Conn
	in    *bufio.Reader
	batch *event.Batch
	begun time.Time // when the first line of batch was read
	read  int       // lines
	long  bool      // within a line that is too long
}

const maxDelay = 50 * time.Millisecond // a line waits so long for others

func (c *lines) serve(run, stop context.Context) {
	defer func() { _ = c.conn.Close() }()
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	default:
		_ = c.refuse("too_many_connections", errBusy)
		return
	}
	defer context.AfterFunc(stop, c.hurry)()
	c.in, c.batch = bufio.NewReaderSize(c.conn, c.MaxBytes), event.NewBatch(c.Schema, c.Batch)
	for err := error(nil); err == nil; {
		err = c.step(run, stop)
	}
}

// hurry ends waiting for input; what came already is still read.
func (c *lines) hurry() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

// step reads a line, and has the batch taken when it is time. An error ends the connection.
func (c *lines) step(run, stop context.Context) error {
	start := time.Now()
	deadline := start.Add(c.Patience)
	if c.batch.Len() > 0 {
		deadline = c.begun.Add(maxDelay)
	}
	_ = c.conn.SetReadDeadline(deadline) // fails if reading does, too
	if stop.Err() != nil {
		c.hurry()
	}
	text, err := c.next()
	if err == nil {
		err = c.add(text, start)
	}
	if n := c.batch.Len(); n >= c.Batch || n > 0 && err != nil {
		late := errors.Is(err, os.ErrDeadlineExceeded) && stop.Err() == nil
		if failed := c.flush(run, n); failed != nil || late {
			return failed
		}
	}
	return err
}

// next returns a line without its end, nil if it is too long. What follows the last end is a line, too.
func (c *lines) next() ([]byte, error) {
	for {
		buf, _ := c.in.Peek(c.in.Buffered())
		if end := bytes.IndexByte(buf, '\n'); end >= 0 {
			if _, _ = c.in.Discard(end + 1); c.long {
				c.long, buf = false, nil
			}
			return buf[:min(end, len(buf))], nil
		}
		_, err := c.in.Peek(len(buf) + 1)
		full, last := errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF) && len(buf) > 0
		if err != nil && !full && !last {
			return nil, err
		}
		if full || last {
			_, _ = c.in.Discard(len(buf))
		}
		if c.long = c.long || full; last && !c.long {
			return buf, nil
		}
	}
}

// add puts the events of a line into the batch, or answers why not.
func (c *lines) add(text []byte, start time.Time) (bad error) {
	if c.read++; c.batch.Len() == 0 {
		c.begun = start
	}
	if text == nil {
		bad = fmt.Errorf("line is longer than %d bytes", c.MaxBytes)
		c.meter.Read(1, 1, c.MaxBytes, 0)
	} else if len(bytes.TrimSpace(text)) > 0 {
		bad = c.decode(c.batch, text, start)
	}
	if bad != nil {
		return c.refuse("bad_line", bad)
	}
	return nil
}

func (c *lines) flush(run context.Context, n int) error {
	if err := c.deliver(run, context.Background(), c.batch, c.begun, "", 0); err != nil {
		_ = c.refuse("not_taken", fmt.Errorf("send again what follows the last OK: %w", err))
		return err
	}
	c.batch = event.NewBatch(c.Schema, c.Batch)
	c.Handle.Acks(semconv.AckResultAck).Add(n)
	return c.answer("OK %d", c.read)
}

func (c *lines) refuse(errorType string, err error) error {
	c.refused(errorType)
	return c.answer("ERR %d: %v", c.read, err)
}

// answer gives the sender some time to read it.
func (c *lines) answer(format string, args ...any) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(takeWithin))
	_, err := io.WriteString(c.conn, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")+"\n")
	return err
}
