// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

// Config describes a source that senders connect to. A number that is 0 has the default.
type Config struct {
	Schema *event.Schema
	Names  *event.Symbols
	// Take returns nil once m is safe. A sender that numbers its messages, from 1, gives its name and the number: a
	// message that was taken already is not taken again.
	Take     func(ctx context.Context, m junction.Message, sender string, seq uint64) error
	Handle   *telemetry.Source // may be nil
	Path     string            // HTTP: where events are posted to; it begins with a slash
	Batch    int               // TCP: most lines per batch (64)
	MaxBytes int               // of a body (4 MiB) or a line (64 KiB)
	MaxOpen  int               // requests (64) or connections (256) at a time; more are refused
	Patience time.Duration     // for a request or a line to arrive (1 minute)
}

// takeWithin is how long a batch may wait for room in the stream before it is refused.
const takeWithin = 10 * time.Second

var errBusy = errors.New("too many senders are served already; try again")

// server is what both servers have in common.
type server struct {
	Config

	kind  string
	meter *Meter
	turns chan struct{} // holds a token per open request or connection
}

func newServer(c Config, kind string, maxBytes, maxOpen int) server {
	c.MaxBytes, c.MaxOpen = cmp.Or(c.MaxBytes, maxBytes), cmp.Or(c.MaxOpen, maxOpen)
	c.Batch, c.Patience = cmp.Or(c.Batch, 64), cmp.Or(c.Patience, time.Minute)
	return server{Config: c, kind: kind, meter: NewMeter(c.Handle, "json"), turns: make(chan struct{}, c.MaxOpen)}
}

// decode adds the rows of data, which was read since start.
func (s *server) decode(b *event.Batch, data []byte, start time.Time) error {
	begun, bad := time.Now(), 0
	err := JSON{s.Schema, s.Names}.Append(b, data, begun.UnixNano())
	if err != nil {
		bad = 1
	}
	s.meter.mapping.Observe(time.Since(begun))
	s.meter.Read(1, bad, len(data), begun.Sub(start))
	return err
}

// deliver has b taken, which was read since start. origin carries the trace context of its sender.
func (s *server) deliver(ctx, origin context.Context, b *event.Batch, start time.Time, sender string, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, takeWithin)
	defer cancel()
	m := junction.Message{Ctx: origin, Batch: b, Source: s.kind, ReadStart: start, ReadEnd: time.Now()}
	err := s.Take(ctx, m, sender, seq)
	if err == nil {
		s.meter.delivery.Observe(time.Since(m.ReadEnd))
		s.meter.Took(b, m.ReadEnd)
	}
	return err
}

func (s *server) refused(errorType string) {
	s.Handle.Acks(semconv.AckResultNack).Inc()
	s.Handle.Errors(errorType).Inc()
}

// HTTP takes events that are posted, as JSON.Append reads them, plain or gzip. It answers 202 once they are safe; any
// other status means that none of them was taken. X-Sender and X-Sequence number the requests of a sender.
type HTTP struct{ server }

// NewHTTP returns a server that has not started.
func NewHTTP(c Config) *HTTP { return &HTTP{newServer(c, "http", 4<<20, 64)} }

// Run serves lis until stop ends, and then answers open requests until run ends.
func (h *HTTP) Run(run, stop context.Context, lis net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+h.Path, h.serve)
	s := http.Server{
		Handler: mux, BaseContext: func(net.Listener) context.Context { return run }, MaxHeaderBytes: 1 << 14,
		ReadHeaderTimeout: h.Patience, ReadTimeout: h.Patience, IdleTimeout: h.Patience,
	}
	h.Handle.Connected().Set(1)
	defer h.Handle.Connected().Set(0)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(lis) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", lis.Addr(), err)
	case <-stop.Done():
	case <-run.Done():
	}
	if s.Shutdown(run) != nil {
		_ = s.Close() // the requests that it breaks had no answer
	}
	for range cap(h.turns) { // no request is left once all turns are taken
		h.turns <- struct{}{}
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (h *HTTP) serve(w http.ResponseWriter, r *http.Request) {
	n, status, err := h.post(w, r)
	if err == nil {
		h.Handle.Acks(semconv.AckResultAck).Inc()
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"accepted":`+strconv.Itoa(n)+"}\n")
		return
	}
	h.refused(strconv.Itoa(status))
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, err.Error(), status)
}

// post takes the events of a request, or says with which status it does not.
func (h *HTTP) post(w http.ResponseWriter, r *http.Request) (events, status int, err error) {
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	default:
		return 0, http.StatusTooManyRequests, errBusy
	}
	start, sender := time.Now(), r.Header.Get("X-Sender")
	seq, err := strconv.ParseUint(r.Header.Get("X-Sequence"), 10, 64)
	if sender != "" && (err != nil || seq == 0 || len(sender) > maxText) {
		return 0, http.StatusBadRequest, errors.New("X-Sender must be short and X-Sequence a number from 1")
	}
	body, err := h.body(w, r)
	if err != nil {
		return 0, bodyStatus(err), fmt.Errorf("read the body, at most %d bytes within %s: %w", h.MaxBytes, h.Patience, err)
	}
	b := event.NewBatch(h.Schema, 0)
	if err := h.decode(b, body, start); err != nil || b.Len() == 0 {
		return 0, http.StatusBadRequest, err
	}
	origin := propagate.Propagator().Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	err = h.deliver(r.Context(), origin, b, start, sender, seq)
	if status = http.StatusServiceUnavailable; errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusTooManyRequests
	}
	return b.Len(), status, err
}

func (h *HTTP) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	in := http.MaxBytesReader(w, r.Body, int64(h.MaxBytes))
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = http.MaxBytesReader(w, z, int64(h.MaxBytes))
	}
	return io.ReadAll(in)
}

func bodyStatus(err error) int {
	switch large := (*http.MaxBytesError)(nil); {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	default:
		return http.StatusBadRequest
	}
}
