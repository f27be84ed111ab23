// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the HTTP face of the health verdict, and of what limiters
// know: four documents, for GET and HEAD, which no cache may keep.
package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
)

// The bodies that never change. /live must cost nothing: it is what a
// supervisor asks of a process that is short of everything.
var (
	alive      = []byte(`{"status":"alive"}`)
	ready      = []byte(`{"status":"ready"}`)
	notFound   = []byte(`{"error":"not found","paths":["/health","/ready","/live","/cardinality"]}`)
	notAllowed = []byte(`{"error":"method not allowed","methods":["GET","HEAD"]}`)
)

// Face is what the documents are made of, asked anew for every request.
type Face struct {
	Health func() verdict.Report
	Ready  func() verdict.Readiness
	// Cardinality reports on every limiter: the top tenants and metrics, and
	// what would happen under each of the limits.
	Cardinality func(top int, limits []int) []cardinalityview.Report
}

// ServeHTTP answers the four paths.
func (f Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	document := f.route(r.URL.Path)
	if document == nil {
		answer(w, http.StatusNotFound, notFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, notAllowed)
		return
	}
	code, body := document(r)
	answer(w, code, body)
}

// route returns the function that makes the document at path, nil if there is
// none.
func (f Face) route(path string) func(*http.Request) (code int, body []byte) {
	switch path {
	case "/health":
		return f.health
	case "/ready":
		return f.ready
	case "/live":
		return live
	case "/cardinality":
		return f.cardinality
	default:
		return nil
	}
}

// health answers 503 exactly for unhealthy, starting and shutting_down.
func (f Face) health(*http.Request) (code int, body []byte) {
	report := f.Health()
	code = http.StatusServiceUnavailable
	if report.Status.Serving() {
		code = http.StatusOK
	}
	return code, encode(report)
}

func (f Face) ready(*http.Request) (code int, body []byte) {
	readiness := f.Ready()
	if readiness.Ready {
		return http.StatusOK, ready
	}
	return http.StatusServiceUnavailable, encode(struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}{"not_ready", readiness.Reason})
}

func live(*http.Request) (code int, body []byte) {
	return http.StatusOK, alive
}

// Bounds of what /cardinality may be asked for.
const (
	defaultTop = 20
	maxTop     = 1000
	maxWhatIf  = 20
)

// cardinality answers ?top=N and ?what_if=N,N,...
func (f Face) cardinality(r *http.Request) (code int, body []byte) {
	query := r.URL.Query()
	top, err := number("top", cmp.Or(query.Get("top"), strconv.Itoa(defaultTop)), maxTop)
	if err != nil {
		return bad(err)
	}
	var limits []int
	if text := query.Get("what_if"); text != "" {
		list := strings.Split(text, ",")
		if len(list) > maxWhatIf {
			return bad(fmt.Errorf("what_if must be at most %d numbers, got %d", maxWhatIf, len(list)))
		}
		for _, one := range list {
			limit, err := number("what_if", one, math.MaxInt32)
			if err != nil {
				return bad(err)
			}
			limits = append(limits, limit)
		}
	}
	return http.StatusOK, encode(struct {
		Processors []cardinalityview.Report `json:"processors"`
	}{f.Cardinality(top, limits)})
}

func number(key, text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s must be a number between 1 and %d, got %q", key, most, text)
	}
	return n, nil
}

func bad(err error) (code int, body []byte) { return http.StatusBadRequest, failure(err) }

func failure(err error) []byte {
	return encode(struct {
		Error string `json:"error"`
	}{err.Error()})
}

// encode cannot fail: the documents hold numbers and strings only.
func encode(document any) []byte {
	body, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return body
}

func answer(w http.ResponseWriter, code int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // JSON, and said to be so; a prober that is gone cannot be told
}
