// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the HTTP face of the health verdict.
package api

import (
	"encoding/json"
	"net/http"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

const index = "not found; there are /health, /ready and /live\n"

// Handler answers GET and HEAD on /health, /ready and /live from what report
// returns at the time of the request.
func Handler(report func() verdict.Report) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		r := report()
		answer(w, healthCode(r.Status), r)
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		switch status := report().Status; status {
		case verdict.Starting, verdict.ShuttingDown:
			answer(w, http.StatusServiceUnavailable, map[string]string{"status": "not_ready", "reason": status})
		default:
			answer(w, http.StatusOK, map[string]string{"status": "ready"})
		}
	})
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, index, http.StatusNotFound)
	})
	return mux
}

// healthCode is 503 exactly for unhealthy, starting and shutting_down.
func healthCode(status string) int {
	if status == verdict.Healthy || status == verdict.Degraded {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func answer(w http.ResponseWriter, code int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(raw) // a prober that is gone cannot be told
}
