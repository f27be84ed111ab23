// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the HTTP face of the health verdict, and of what limiters and
// receivers know: documents for GET and HEAD, which no cache may keep.
package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// The bodies that never change. /live must cost nothing: it is what a
// supervisor asks of a process that is short of everything.
var (
	alive      = []byte(`{"status":"alive"}`)
	ready      = []byte(`{"status":"ready"}`)
	notFound   = []byte(`{"error":"not found","paths":["/health","/ready","/live","/cardinality","/engines","/health/pipelines/{id}","/health/engines/{id}","/engines/{id}/contract"]}`)
	notAllowed = []byte(`{"error":"method not allowed","methods":["GET","HEAD"]}`)
)

// Face is what the documents are made of, asked anew for every request.
type Face struct {
	Now func() time.Time
	// Public leaves reasons out, which name addresses and engines.
	Public bool
	Health func(Question) verdict.Report
	// Pipeline judges the pipeline with the ID, and returns false if there is none.
	Pipeline func(id string) (verdict.Pipeline, bool)
	Ready    func() verdict.Readiness
	// Hung are loops of the collector's own components that stopped turning.
	Hung func() []string
	// Cardinality reports on every limiter: the top tenants and metrics, and
	// what would happen under each of the limits.
	Cardinality func(top int, limits []int) []cardinalityview.Report
	// Engines are all that are known, or those with the service.instance.id.
	Engines func(instance string) []engineview.Engine
	// Contract tells of each engine with the service.instance.id.
	Contract func(instance string) []engineview.Contract
}

// Question is what of a report somebody asks for.
type Question struct {
	// Exclude are names of checks that are not to count.
	Exclude []string
	// Verbose asks for what the report is made of.
	Verbose bool
}

// ServeHTTP answers each path.
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
		return f.live
	case "/cardinality":
		return f.cardinality
	case "/engines":
		return f.engines
	default:
		return f.ofOne(path)
	}
}

// ofOne returns the function that makes a document about one engine or pipeline.
// The identity may hold slashes, escaped or not.
func (f Face) ofOne(path string) func(*http.Request) (code int, body []byte) {
	if id, ok := strings.CutPrefix(path, "/health/pipelines/"); ok && id != "" {
		return func(*http.Request) (code int, body []byte) { return f.pipeline(id) }
	}
	if instance, ok := strings.CutPrefix(path, "/health/engines/"); ok && instance != "" {
		return func(*http.Request) (code int, body []byte) { return f.engine(instance) }
	}
	instance, engine := strings.CutPrefix(path, "/engines/")
	instance, document := strings.CutSuffix(instance, "/contract")
	if !engine || !document || instance == "" {
		return nil
	}
	return func(*http.Request) (code int, body []byte) { return f.contract(instance) }
}

func unknownEngine(instance string) (code int, body []byte) {
	return http.StatusNotFound, failure(fmt.Errorf(
		"no engine is known with service.instance.id %q: it is the label instance of an engine's series", instance))
}

// pipeline answers as health does.
func (f Face) pipeline(id string) (code int, body []byte) {
	document, ok := f.Pipeline(id)
	switch {
	case !ok:
		return http.StatusNotFound, failure(fmt.Errorf("no pipeline %q is configured", id))
	case f.Public:
		document.Details, document.NotSeen = nil, nil
	}
	if document.Status.Serving() {
		return http.StatusOK, encode(document)
	}
	return http.StatusServiceUnavailable, encode(document)
}

// engine answers as health does. Of several engines with one identity, which is
// a mistake, the one that is worst off is shown.
func (f Face) engine(instance string) (code int, body []byte) {
	engines := f.Engines(instance)
	if len(engines) == 0 {
		return unknownEngine(instance)
	}
	worst := verdict.JudgeEngine(&engines[0], f.Now())
	for i := range engines[1:] {
		if other := verdict.JudgeEngine(&engines[i+1], f.Now()); other.Status.Worse(worst.Status) {
			worst = other
		}
	}
	if worst.Status.Serving() {
		return http.StatusOK, encode(worst)
	}
	return http.StatusServiceUnavailable, encode(worst)
}

// maxEngines is how many engines /engines lists.
const maxEngines = 1000

// engines lists them by name and identity.
func (f Face) engines(*http.Request) (code int, body []byte) {
	known := f.Engines("")
	list := make([]verdict.Engine, 0, min(len(known), maxEngines))
	for i := range known[:min(len(known), maxEngines)] {
		list = append(list, verdict.JudgeEngine(&known[i], f.Now()))
	}
	return http.StatusOK, encode(struct {
		Total   int              `json:"total"`
		Engines []verdict.Engine `json:"engines"`
	}{len(known), list})
}

func (f Face) contract(instance string) (code int, body []byte) {
	engines := f.Contract(instance)
	if len(engines) == 0 {
		return unknownEngine(instance)
	}
	return http.StatusOK, encode(struct {
		Engines []engineview.Contract `json:"engines"`
	}{engines})
}

// health answers 503 exactly for unhealthy, starting and shutting_down. It takes
// ?exclude=CHECK,..., ?verbose and ?pipeline=ID.
func (f Face) health(r *http.Request) (code int, body []byte) {
	var q Question
	if r.URL.RawQuery != "" {
		query := r.URL.Query()
		if id := query.Get("pipeline"); id != "" {
			return f.pipeline(id)
		}
		var err error
		if q.Exclude, err = excluded(query["exclude"]); err != nil {
			return bad(err)
		}
		q.Verbose = verbose(query)
	}
	report := f.Health(q)
	if f.Public {
		report.Details = verdict.Details{}
	}
	code = http.StatusServiceUnavailable
	if report.Status.Serving() {
		code = http.StatusOK
	}
	return code, encode(report)
}

func excluded(values []string) (names []string, err error) {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if !slices.Contains(verdict.CheckNames, name) {
				return nil, fmt.Errorf("exclude must be names of checks (%s), got %q", strings.Join(verdict.CheckNames, ", "), name)
			}
			names = append(names, name)
		}
	}
	return names, nil
}

func verbose(query url.Values) bool {
	return query.Has("verbose") && query.Get("verbose") != "false" && query.Get("verbose") != "0"
}

// ForEverybody reports whether a request asks for nothing that takes more than
// [Face.Public]: whether the collector, a pipeline or an engine is well. Probes have
// no credentials.
func ForEverybody(r *http.Request) bool {
	switch path := r.URL.Path; {
	case path == "/ready", path == "/live":
		return true
	case path == "/health", strings.HasPrefix(path, "/health/pipelines/"):
		return r.URL.RawQuery == "" || !verbose(r.URL.Query())
	default:
		return false
	}
}

// ready answers for the collector, or with ?engine=ID for that engine.
func (f Face) ready(r *http.Request) (code int, body []byte) {
	readiness := f.Ready()
	if instance := engineOf(r); instance != "" {
		readiness = verdict.ReadyEngine(f.Engines(instance))
	}
	if readiness.Ready {
		return http.StatusOK, ready
	}
	return http.StatusServiceUnavailable, encode(struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}{"not_ready", readiness.Reason})
}

// live answers for the collector, or with ?engine=ID for that engine.
func (f Face) live(r *http.Request) (code int, body []byte) {
	if instance := engineOf(r); instance != "" {
		if why := verdict.Dead(f.Engines(instance)); why != "" {
			return dead(why)
		}
		return http.StatusOK, alive
	}
	if hung := f.Hung(); len(hung) > 0 {
		return dead("hangs: " + strings.Join(hung, ", "))
	}
	return http.StatusOK, alive
}

func dead(why string) (code int, body []byte) {
	return http.StatusServiceUnavailable, encode(struct {
		Status string `json:"status"`
		Reason string `json:"reason"`
	}{"dead", why})
}

// engineOf returns what ?engine= says, without parsing where nothing is asked.
func engineOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("engine")
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

// encode cannot fail: the documents hold numbers, strings and times of this
// century only.
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
