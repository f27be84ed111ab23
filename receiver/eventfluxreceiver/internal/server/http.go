// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Paths are the URL paths of the three signals.
type Paths struct {
	Traces, Metrics, Logs string
}

// routes returns the handler of OTLP/HTTP for the signals that c consumes.
func routes(paths Paths, c Consumers) http.Handler {
	mux := http.NewServeMux()
	if c.Traces != nil {
		svc := &traces{consume: c.Traces, origin: httpOrigin}
		mux.Handle(paths.Traces, route(ptraceotlp.NewExportRequest, svc.Export))
	}
	if c.Metrics != nil {
		svc := &metrics{consume: c.Metrics, origin: httpOrigin}
		mux.Handle(paths.Metrics, route(pmetricotlp.NewExportRequest, svc.Export))
	}
	if c.Logs != nil {
		svc := &logs{consume: c.Logs, origin: httpOrigin}
		mux.Handle(paths.Logs, route(plogotlp.NewExportRequest, svc.Export))
	}
	mux.HandleFunc("/", notFound)
	return mux
}

func notFound(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, http.StatusNotFound, "no pipeline takes OTLP on the path %q", r.URL.Path)
}

// route is the path of one request: method, encoding, body, pipeline, answer.
func route[Req otlpRequest, Resp otlpResponse](
	newRequest func() Req, export func(context.Context, Req) (Resp, error),
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, r, http.StatusMethodNotAllowed, "%s is not allowed, send OTLP with POST", r.Method)
			return
		}
		enc, ok := encodingOf(r.Header.Get("Content-Type"))
		if !ok {
			refuse(w, r, http.StatusUnsupportedMediaType, "content type %q is not supported, send %s or %s",
				r.Header.Get("Content-Type"), protobufType, jsonType)
			return
		}
		req := newRequest()
		if code, err := decode(r, enc, req); err != nil {
			writeHTTPError(w, enc, err, code)
			return
		}
		resp, err := export(withSender(r), req)
		if err != nil {
			st := statusOf(err)
			writeStatus(w, enc, httpCode(st.Code()), st)
			return
		}
		msg, err := enc.marshal(resp)
		if err != nil {
			writeHTTPError(w, enc, fmt.Errorf("encode response: %w", err), http.StatusInternalServerError)
			return
		}
		write(w, http.StatusOK, enc.contentType, msg)
	}
}

// bodies are buffers for requests. Decoders copy what they keep.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBody is the largest buffer that is kept for the next request, and the
// most that a Content-Length alone makes the server allocate.
const keptBody = 1 << 20

// decode reads the body into req. An error has its HTTP code.
func decode(r *http.Request, enc encoding, req otlpRequest) (code int, err error) {
	buf := bodies.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= keptBody {
			bodies.Put(buf)
		}
	}()
	buf.Reset()
	buf.Grow(int(min(max(r.ContentLength, 0), keptBody-bytes.MinRead)) + bytes.MinRead)
	if _, err = buf.ReadFrom(r.Body); err != nil {
		return bodyErrorCode(err), fmt.Errorf("read request: %w", err)
	}
	if err = enc.unmarshal(req, buf.Bytes()); err != nil {
		return http.StatusBadRequest, fmt.Errorf("decode request: %w", err)
	}
	return http.StatusOK, nil
}

// bodyErrorCode tells a body over the size limit, and one that took too long
// and may come again, from a broken one.
func bodyErrorCode(err error) int {
	if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// writeConfigHTTPError answers errors that confighttp finds before the routes
// do, such as failed authentication or a broken compression, as OTLP wants:
// with a Status message in the encoding of the request. All that confighttp
// hands over is a text, and 400 for a body over the limit too.
func writeConfigHTTPError(w http.ResponseWriter, r *http.Request, msg string, code int) {
	enc, ok := encodingOf(r.Header.Get("Content-Type"))
	if !ok {
		enc = encodings[jsonType]
	}
	if code == http.StatusBadRequest && slices.ContainsFunc(tooLarge, func(text string) bool { return strings.Contains(msg, text) }) {
		code = http.StatusRequestEntityTooLarge
	}
	writeStatus(w, enc, code, newStatus(grpcCode(code), msg))
}

// tooLarge are the texts of bodies over the limit: net/http's, and that of
// confighttp for snappy, whose header has the length.
var tooLarge = []string{(&http.MaxBytesError{}).Error(), "exceeds max request body size"}

// refuse answers a request that is none of OTLP: in the encoding that it
// names, as plain text when that is none.
func refuse(w http.ResponseWriter, r *http.Request, code int, format string, args ...any) {
	enc, ok := encodingOf(r.Header.Get("Content-Type"))
	if !ok {
		plainError(w, code, format, args...)
		return
	}
	writeStatus(w, enc, code, newStatus(grpcCode(code), fmt.Sprintf(format, args...)))
}

func writeHTTPError(w http.ResponseWriter, enc encoding, err error, code int) {
	writeStatus(w, enc, code, newStatus(grpcCode(code), err.Error()))
}

func writeStatus(w http.ResponseWriter, enc encoding, code int, st *status.Status) {
	if delay, ok := retryDelay(st); ok && (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable) {
		// Retry-After has a resolution of a second; a shorter wait rounds up.
		w.Header().Set("Retry-After", strconv.FormatInt(int64((delay+time.Second-1)/time.Second), 10))
	}
	msg, err := enc.status(st.Proto())
	if err != nil { // a component attached a detail that cannot be encoded
		plainError(w, http.StatusInternalServerError, "encode error: %v", err)
		return
	}
	write(w, code, enc.contentType, msg)
}

// retryDelay returns the RetryInfo that a component of the pipeline attached.
func retryDelay(st *status.Status) (time.Duration, bool) {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

func plainError(w http.ResponseWriter, code int, format string, args ...any) {
	write(w, code, "text/plain; charset=utf-8", fmt.Appendf(nil, format, args...))
}

// write sends the answer. A sender that is gone cannot be told anything, so
// the error of the write has nowhere to go.
func write(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // G705: never sent as HTML, and not to be sniffed as it
}

type senderKey struct{}

// withSender returns the request's context with what is known of the sender.
func withSender(r *http.Request) context.Context {
	return context.WithValue(r.Context(), senderKey{}, Origin{Transport: HTTP, Peer: r.RemoteAddr, SDK: isSDK(r.UserAgent())})
}

func httpOrigin(ctx context.Context) Origin {
	o, _ := ctx.Value(senderKey{}).(Origin)
	return o
}
