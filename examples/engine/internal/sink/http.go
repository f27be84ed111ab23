// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// HTTP posts each batch to a URL, as JSON lines. A repetition has the same Idempotency-Key, and the same X-Sender and
// X-Sequence, as the attempt before.
type HTTP struct {
	about

	url     string
	names   *event.Symbols
	client  http.Client
	sender  string
	last    uint64 // sequence given out last
	pending []byte
}

const sendTimeout = 10 * time.Second

// NewHTTP returns a sink that connects with the first Send.
func NewHTTP(target string, names *event.Symbols) (*HTTP, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("send to %q: want http://host/path or https://host/path", target)
	}
	return &HTTP{
		about: about{"http", u.Redacted(), "start who listens there or correct the URL"},
		url:   target, names: names, sender: rand.Text(),
		client: http.Client{Timeout: sendTimeout, Transport: http.DefaultTransport.(*http.Transport).Clone()},
	}, nil
}

// Format implements Sink.
func (h *HTTP) Format(b *event.Batch) error {
	h.pending = appendJSON(h.pending[:0], b, h.names)
	h.last++
	return nil
}

// Send implements Sink.
func (h *HTTP) Send(ctx context.Context) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(h.pending))
	if err != nil {
		return 0, Permanent(err)
	}
	seq := strconv.FormatUint(h.last, 10)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Idempotency-Key", h.sender+"-"+seq)
	r.Header.Set("X-Sender", h.sender)
	r.Header.Set("X-Sequence", seq)
	propagate.Propagator().Inject(ctx, propagation.HeaderCarrier(r.Header))
	answer, err := h.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16)) // the connection can be used again then
	err = fmt.Errorf("answer %s: %.200s", answer.Status, bytes.TrimSpace(text))
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return len(h.pending), nil
	case code/100 == 5, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return 0, verdict{error: err, pause: time.Duration(min(max(seconds, 0), 300)) * time.Second}
	default:
		return 0, Permanent(err)
	}
}

// Close implements Sink.
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}
