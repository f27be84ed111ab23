// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
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

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// HTTP takes events that are posted, as JSON.Append reads them, plain or gzip. It answers 202 once they are safe; any
// other status means that none of them was taken. X-Sender and X-Sequence number the requests of a sender.
type HTTP struct{ server }

// NewHTTP returns a server that has not started. c.Path begins with a slash.
func NewHTTP(c Config) *HTTP { return &HTTP{newServer(c, "http", 4<<20, 64)} }

// Run serves lis until stop ends, and then answers open requests until run ends.
func (h *HTTP) Run(run, stop context.Context, lis net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+h.Path, h.serve)
	s := http.Server{
		Handler: mux, BaseContext: func(net.Listener) context.Context { return run }, MaxHeaderBytes: 1 << 14,
		ReadHeaderTimeout: h.Patience, ReadTimeout: h.Patience, IdleTimeout: h.Patience,
	}
	h.meter.Connected(1)
	defer h.meter.Connected(0)
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
	for range cap(h.turns) { // none is left once all tokens are here
		h.turns <- struct{}{}
	}
	<-ended
	return nil
}

func (h *HTTP) serve(w http.ResponseWriter, r *http.Request) {
	n, err := h.post(w, r)
	status := statusOf(err)
	if err == nil {
		h.meter.answered(semconv.AckResultAck, 1)
		w.WriteHeader(status)
		fmt.Fprintf(w, "{\"accepted\":%d}\n", n)
		return
	}
	h.refused(strconv.Itoa(status))
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, err.Error(), status)
}

// notTaken is an error of Take.
type notTaken struct{ error }

func (n notTaken) Unwrap() error { return n.error }

func statusOf(err error) int {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return http.StatusAccepted
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.Is(err, errBusy), errors.Is(err, context.DeadlineExceeded):
		return http.StatusTooManyRequests
	case errors.As(err, &notTaken{}):
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// post takes the events of a request.
func (h *HTTP) post(w http.ResponseWriter, r *http.Request) (events int, err error) {
	if err := h.enter(); err != nil {
		return 0, err
	}
	defer h.leave()
	start, sender := time.Now(), r.Header.Get("X-Sender")
	seq, err := strconv.ParseUint(r.Header.Get("X-Sequence"), 10, 64)
	if sender != "" && (err != nil || seq == 0 || len(sender) > maxText) {
		return 0, errors.New("X-Sender must be short and X-Sequence a number from 1")
	}
	body, err := h.body(w, r)
	if err != nil {
		return 0, fmt.Errorf("read the body, at most %d bytes within %s: %w", h.MaxBytes, h.Patience, err)
	}
	b := event.NewBatch(h.Schema, 0)
	if err := h.decode(b, body, start); err != nil || b.Len() == 0 {
		return 0, err
	}
	origin := propagate.Propagator().Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	if err := h.deliver(r.Context(), origin, b, start, sender, seq); err != nil {
		return 0, notTaken{fmt.Errorf("the stream does not take events now; try again: %w", err)}
	}
	return b.Len(), nil
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
