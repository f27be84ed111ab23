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
	t.meter.Connected(1)
	defer t.meter.Connected(0)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	for {
		conn, err := lis.Accept()
		if stop.Err() != nil && err != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept on %s: %w", lis.Addr(), err)
		}
		open.Go(func() { (&lines{TCP: t, conn: conn}).serve(run, stop) })
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

var (
	past    = time.Unix(1, 0)
	errLong = errors.New("line is too long")
)

const maxDelay = 50 * time.Millisecond // a line waits so long for others

func (c *lines) serve(run, stop context.Context) {
	defer func() { _ = c.conn.Close() }()
	if err := c.enter(); err != nil {
		_ = c.refuse("too_many_connections", err)
		return
	}
	defer c.leave()
	defer context.AfterFunc(stop, func() { _ = c.conn.SetReadDeadline(past) })()
	c.in, c.batch = bufio.NewReaderSize(c.conn, c.MaxBytes), event.NewBatch(c.Schema, c.Batch)
	for err := error(nil); err == nil; {
		err = c.step(run, stop)
	}
}

// step reads a line, and has the batch taken when it is time. An error ends the connection.
func (c *lines) step(run, stop context.Context) error {
	start := time.Now()
	deadline := start.Add(c.Patience)
	if c.batch.Len() > 0 {
		deadline = c.begun.Add(maxDelay)
	}
	_ = c.conn.SetReadDeadline(deadline) // fails if reading does, too
	if stop.Err() != nil {
		_ = c.conn.SetReadDeadline(past)
	}
	text, err := c.next()
	if err == nil || errors.Is(err, errLong) {
		err = c.add(text, start, err)
	}
	if n := c.batch.Len(); n >= c.Batch || n > 0 && err != nil {
		late := errors.Is(err, os.ErrDeadlineExceeded) && stop.Err() == nil
		if failed := c.flush(run); failed != nil || late {
			return failed
		}
	}
	return err
}

// next returns a line without its end. What follows the last end is a line, too.
func (c *lines) next() ([]byte, error) {
	for {
		buf, _ := c.in.Peek(c.in.Buffered())
		if end := bytes.IndexByte(buf, '\n'); end >= 0 {
			_, _ = c.in.Discard(end + 1)
			if c.long {
				c.long = false
				return nil, errLong
			}
			return buf[:end], nil
		}
		_, err := c.in.Peek(len(buf) + 1)
		switch rest := len(buf) > 0; {
		case err == nil:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			c.long = true
		case !rest || !errors.Is(err, io.EOF):
			return nil, err
		}
		if _, _ = c.in.Discard(len(buf)); !c.long {
			return buf, nil
		}
	}
}

// add puts the events of a line into the batch, or answers why not.
func (c *lines) add(text []byte, start time.Time, bad error) error {
	c.read++
	if c.batch.Len() == 0 {
		c.begun = start
	}
	switch {
	case bad != nil:
		c.meter.Read(1, 1, c.MaxBytes, 0)
	case len(bytes.TrimSpace(text)) > 0:
		bad = c.decode(c.batch, text, start)
	}
	if bad != nil {
		return c.refuse("bad_line", bad)
	}
	return nil
}

func (c *lines) flush(run context.Context) error {
	n := c.batch.Len()
	if err := c.deliver(run, context.Background(), c.batch, c.begun, "", 0); err != nil {
		_ = c.refuse("not_taken", fmt.Errorf("send again what follows the last OK: %w", err))
		return err
	}
	c.batch = event.NewBatch(c.Schema, c.Batch)
	c.meter.answered(semconv.AckResultAck, n)
	return c.answer(fmt.Sprintf("OK %d", c.read))
}

func (c *lines) refuse(errorType string, err error) error {
	c.refused(errorType)
	return c.answer(fmt.Sprintf("ERR %d: %s", c.read, strings.ReplaceAll(err.Error(), "\n", " ")))
}

// answer gives the sender some time to read it.
func (c *lines) answer(text string) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(takeWithin))
	_, err := io.WriteString(c.conn, text+"\n")
	return err
}
