// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/lines"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// maxWaiting is how many bytes of log lines wait for a slow output before lines are dropped.
const maxWaiting = 4 << 20

// localLog is the way of log lines to stdout, stderr, a file or the host's writer. The zero localLog goes nowhere.
type localLog struct {
	handler slog.Handler
	queue   *lines.Queue
	file    *logs.File // nil unless the output is one
	unwatch func()     // ends the wait for SIGHUP; nil unless there is one
}

// open opens the output that set asks for. On error lines go to stdout.
func (l *localLog) open(set settings, sink *errorSink) (io.Writer, error) {
	if set.logWriter != nil {
		return set.logWriter, nil
	}
	switch name := set.cfg.Logging.Output; name {
	case "stdout":
		return stdout(), nil
	case "stderr":
		return stderr(), nil
	default:
		file, err := logs.OpenFile(name)
		if err != nil {
			return stdout(), err
		}
		l.file, l.unwatch = file, watchHangup(file, sink)
		return file, nil
	}
}

// start builds the handler in front of the queue in front of out.
func (l *localLog) start(out io.Writer, opts logs.Options, losses *losses, sink *errorSink) {
	l.queue = lines.New(out, maxWaiting, func(n int, why error) { losses.line(n, why, sink) })
	l.handler = logs.NewHandler(l.queue, opts)
}

// flush waits until every line is written, or for the end of ctx.
func (l *localLog) flush(ctx context.Context) error {
	return l.queue.Flush(ctx)
}

// close flushes and closes the file, if there is one. To stdout, stderr and the host's writer lines may still go.
func (l *localLog) close(ctx context.Context) error {
	err := l.flush(ctx)
	if l.file == nil {
		return err
	}
	l.queue.Close()
	return errors.Join(err, inParallel(ctx, step{"close the log file", func(context.Context) error {
		l.unwatch()
		return l.file.Close()
	}}))
}

// line counts n lines that were not written. A full queue is reported from a goroutine, of which there is one at
// most: whoever logs must not wait for an error handler.
func (l *losses) line(n int, why error, sink *errorSink) {
	count := uint64(n)
	switch {
	case why == nil || errors.Is(why, lines.ErrFull):
		l.dropped.full.Add(count)
		if why != nil && l.reporting.CompareAndSwap(false, true) {
			go func() {
				defer l.reporting.Store(false)
				sink.report(why)
			}()
		}
	case errors.Is(why, lines.ErrClosed):
		l.dropped.closed.Add(count)
	default:
		l.dropped.failed.Add(count)
		sink.report(why)
	}
}
