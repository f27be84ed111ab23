// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the HTTP face of the health verdict: three documents, for
// GET and HEAD, which no cache may keep.
package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

// The bodies that never change. /live must cost nothing: it is what a
// supervisor asks of a process that is short of everything.
var (
	alive      = []byte(`{"status":"alive"}`)
	ready      = []byte(`{"status":"ready"}`)
	notFound   = []byte(`{"error":"not found","paths":["/health","/ready","/live"]}`)
	notAllowed = []byte(`{"error":"method not allowed","methods":["GET","HEAD"]}`)
)

// Face is what the documents are made of, asked anew for every request.
type Face struct {
	Health func() verdict.Report
	Ready  func() verdict.Readiness
}

// ServeHTTP answers the three paths.
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
	code, body := document()
	answer(w, code, body)
}

// route returns the function that makes the document at path, nil if there is
// none.
func (f Face) route(path string) func() (code int, body []byte) {
	switch path {
	case "/health":
		return f.health
	case "/ready":
		return f.ready
	case "/live":
		return live
	default:
		return nil
	}
}

// health answers 503 exactly for unhealthy, starting and shutting_down.
func (f Face) health() (code int, body []byte) {
	report := f.Health()
	code = http.StatusServiceUnavailable
	if report.Status.Serving() {
		code = http.StatusOK
	}
	return code, encode(report)
}

func (f Face) ready() (code int, body []byte) {
	readiness := f.Ready()
	if readiness.Ready {
		return http.StatusOK, ready
	}
	return http.StatusServiceUnavailable, encode(struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}{"not_ready", readiness.Reason})
}

func live() (code int, body []byte) {
	return http.StatusOK, alive
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
	_, _ = w.Write(body) // a prober that is gone cannot be told
}
