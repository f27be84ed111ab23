// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package control lets programs on the same machine question a running engine, and switch faults, over HTTP and JSON.
package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

const (
	maxBody  = 64 << 10
	maxRows  = 10_000
	patience = 10 * time.Second // with one question
)

// refusal is an error with a status of HTTP. One without is the fault of who asked.
type refusal struct {
	error

	status int
}

// ErrNotFound says that there is nothing of the name that was asked for.
var ErrNotFound error = refusal{errors.New("not found"), http.StatusNotFound}

// Ask is a question or an order. What is not given is empty, but Limit is 100.
type Ask struct {
	Name, Where, Per, Group, Stream string    `json:"-"`
	From, To                        time.Time `json:"-"`
	Limit                           int       `json:"-"`
	Kind, Value, For                string    // of a fault, from the body
}

// Func answers with something that has a JSON form, or with an error for who asked.
type Func func(ctx context.Context, a Ask) (any, error)

// Engine is what can be asked for. A nil function finds nothing.
type Engine struct {
	Table       Func // GET /tables/<name>?where=<expression>&limit=
	Aggregation Func // GET /aggregations/<name>?per=&from=&to=&group=, times in RFC 3339 or durations before now
	Errors      Func // GET /errors?stream=&limit=
	Totals      Func // GET /totals
	Faults      Func // GET /faults
	StartFault  Func // POST /faults {"kind":"slow_sink","value":"200ms","for":"30s"}
	StopFault   Func // DELETE /faults/<name>
}

// Server answers until it is closed.
type Server struct {
	Addr    string // where it listens
	http    http.Server
	running sync.WaitGroup
}

// Listen serves e at addr, which must be reachable from this machine only, for nobody has to prove who they are.
func Listen(addr string, app *telemetry.App, e Engine) (*Server, error) {
	if !local(addr) {
		return nil, fmt.Errorf("could not open the control endpoint at %q, which is not just for this machine; use 127.0.0.1:<port>", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("could not open the control endpoint: %w", err)
	}
	mux, queries := http.NewServeMux(), app.Runtime()
	mux.Handle("GET /tables/{name}", serve(e.Table, queries))
	mux.Handle("GET /aggregations/{name}", serve(e.Aggregation, queries))
	mux.Handle("GET /errors", serve(e.Errors, nil))
	mux.Handle("GET /totals", serve(e.Totals, nil))
	mux.Handle("GET /faults", serve(e.Faults, nil))
	mux.Handle("POST /faults", serve(e.StartFault, nil))
	mux.Handle("DELETE /faults/{name}", serve(e.StopFault, nil))
	s := &Server{Addr: l.Addr().String(), http: http.Server{Handler: mux, MaxHeaderBytes: maxBody, ReadTimeout: patience}}
	s.running.Go(func() { _ = s.http.Serve(l) }) // until Close
	return s, nil
}

// Close hangs up on whoever waits for an answer.
func (s *Server) Close() {
	_ = s.http.Close() // of sockets that are given up anyway
	s.running.Wait()
}

func local(address string) bool {
	host, _, _ := net.SplitHostPort(address) // without a port it is empty
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// serve answers by f. If queries is not nil, the time that takes is that of an on-demand query.
func serve(f Func, queries *telemetry.Runtime) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		a, err := read(r)
		if err == nil {
			body, err = ask(r.Context(), f, a, queries)
		}
		no := refusal{status: http.StatusOK}
		if err != nil {
			body, _ = json.Marshal(map[string]string{"error": err.Error()}) // a string always has a JSON form
			if !errors.As(err, &no) {
				no.status = http.StatusBadRequest
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(no.status)
		_, _ = w.Write(append(body, '\n')) //nolint:gosec // JSON escapes what a browser might run; who has gone needs no answer
	}
}

func ask(ctx context.Context, f Func, a Ask, queries *telemetry.Runtime) ([]byte, error) {
	if f == nil {
		return nil, ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin, result := time.Now(), semconv.ResultSuccess
	answer, err := f(ctx, a)
	if errors.Is(err, context.DeadlineExceeded) {
		result, err = semconv.ResultTimeout, refusal{err, http.StatusGatewayTimeout}
	} else if err != nil {
		result = semconv.ResultFailure
	}
	queries.OnDemandQueryDuration(result).Observe(time.Since(begin))
	body, bad := json.Marshal(answer)
	if err == nil && bad != nil {
		err = refusal{bad, http.StatusInternalServerError}
	}
	return body, err
}

func read(r *http.Request) (a Ask, err error) {
	if !local(r.Host) || new(http.CrossOriginProtection).Check(r) != nil { // a web page in a browser on this machine, say
		return a, refusal{fmt.Errorf("only programs on this machine may ask, at 127.0.0.1 and not at %q", r.Host), http.StatusForbidden}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(body) > maxBody {
		return a, refusal{fmt.Errorf("the body has more than %d bytes", maxBody), http.StatusRequestEntityTooLarge}
	}
	if d := json.NewDecoder(bytes.NewReader(body)); err == nil && r.Method == http.MethodPost {
		d.DisallowUnknownFields()
		err = d.Decode(&a)
	}
	if err != nil {
		return a, fmt.Errorf("could not read the body: %w", err)
	}
	q := r.URL.Query()
	a.Name, a.Where, a.Per, a.Group, a.Stream = r.PathValue("name"), q.Get("where"), q.Get("per"), q.Get("group"), q.Get("stream")
	if a.Limit, err = strconv.Atoi(cmp.Or(q.Get("limit"), "100")); err != nil || a.Limit < 1 || a.Limit > maxRows {
		return a, fmt.Errorf("limit %q is not a number from 1 to %d", q.Get("limit"), maxRows)
	}
	if a.From, err = instant(q.Get("from")); err == nil {
		a.To, err = instant(q.Get("to"))
	}
	return a, err
}

// instant reads a time, or a duration as how long ago it was. Nothing is the zero time.
func instant(text string) (t time.Time, err error) {
	if d, no := time.ParseDuration(text); no == nil {
		return time.Now().Add(-d), nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil && text != "" {
		return t, fmt.Errorf("time %q is neither like 2006-01-02T15:04:05Z nor like 5m, which is five minutes ago", text)
	}
	return t, nil
}

// Call has the engine whose control endpoint is addr answer, in JSON. body is JSON, too, or nil.
func Call(ctx context.Context, addr, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * patience}).Do(r)
	if err != nil {
		return nil, fmt.Errorf("could not reach an engine that runs with --control %s: %w", addr, err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		var no struct{ Error string }
		_ = json.Unmarshal(data, &no) // fails if whoever answers is no engine
		return nil, errors.New(cmp.Or(no.Error, answer.Status))
	}
	return data, err
}
