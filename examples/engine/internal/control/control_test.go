// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, app *telemetry.App, e Engine) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", app, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// echo answers with what it was asked and which function it is.
func echo(name string) Func {
	return func(_ context.Context, a Ask) (any, error) {
		got := fmt.Sprintf("%s %s|%s|%s|%s|%s %d %s=%s+%s", name, a.Name, a.Where, a.Per, a.Group, a.Stream, a.Limit, a.Kind, a.Value, a.For)
		if !a.From.IsZero() || !a.To.IsZero() {
			got += fmt.Sprintf(" %s to %s", a.From.UTC().Format(time.DateTime), a.To.UTC().Format(time.DateTime))
		}
		return map[string]string{"got": got}, nil
	}
}

func all() Engine {
	return Engine{
		Table: echo("table"), Aggregation: echo("aggregation"), Errors: echo("errors"), Totals: echo("totals"),
		Faults: echo("faults"), StartFault: echo("start"), StopFault: echo("stop"),
	}
}

func TestEachQuestionReachesItsFunction(t *testing.T) {
	s := listen(t, nil, all())
	tests := map[string]struct{ method, path, body string }{
		"table companies|country == 'US'||| 7 =+": {"GET", "/tables/companies?limit=7&where=" + url.QueryEscape("country == 'US'"), ""},
		"aggregation a b||minutes|ORCL| 100 =+ 2026-01-02 03:04:05 to 2026-01-02 02:00:00": {
			"GET", "/aggregations/a%20b?per=minutes&group=ORCL&from=2026-01-02T03:04:05Z&to=" + url.QueryEscape("2026-01-02T03:00:00+01:00"), "",
		},
		"errors ||||Trades 100 =+":          {"GET", "/errors?stream=Trades", ""},
		"totals |||| 100 =+":                {"GET", "/totals", ""},
		"faults |||| 100 =+":                {"GET", "/faults", ""},
		"start |||| 100 slow_sink=1s+30s":   {"POST", "/faults", `{"kind":"slow_sink","value":"1s","for":"30s"}`},
		"start |||| 100 lost_peer=+":        {"POST", "/faults", `{"kind":"lost_peer"}`},
		"stop slow_sink|||| 100 =+":         {"DELETE", "/faults/slow_sink", ""},
		"table companies|price > 1||| 1 =+": {"GET", "/tables/companies?limit=1&where=price+%3E+1", ""},
	}
	for want, ask := range tests {
		data, err := Call(t.Context(), s.Addr, ask.method, ask.path, []byte(ask.body))
		if err != nil || string(data) != `{"got":"`+strings.ReplaceAll(want, ">", `\u003e`)+"\"}\n" {
			t.Errorf("%s %s: got %s, %v, want %s", ask.method, ask.path, data, err, want)
		}
	}
}

func TestTimesMayBeRelative(t *testing.T) {
	var asked Ask
	s := listen(t, nil, Engine{Aggregation: func(_ context.Context, a Ask) (any, error) { asked = a; return nil, nil }})
	before := time.Now()
	if data, err := Call(t.Context(), s.Addr, "GET", "/aggregations/x?from=5m&to=0s", nil); err != nil || string(data) != "null\n" {
		t.Fatalf("%s, %v", data, err)
	}
	if length := asked.To.Sub(asked.From); length < 5*time.Minute || length > 6*time.Minute || asked.To.Before(before) {
		t.Errorf("asked from %s to %s", asked.From, asked.To)
	}
}

// request sends what Call would not.
func request(t *testing.T, s *Server, change func(*http.Request)) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr+"/totals", nil)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func TestOnlyProgramsOnThisMachineGetAnAnswer(t *testing.T) {
	s := listen(t, nil, all())
	post := func(origin, fetch string) func(*http.Request) {
		return func(r *http.Request) {
			r.Method, r.URL.Path = "POST", "/faults"
			r.Body = io.NopCloser(strings.NewReader(`{"kind":"burst"}`))
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", fetch)
		}
	}
	tests := map[string]struct {
		change func(*http.Request)
		status int
		says   string
	}{
		"plain":          {func(*http.Request) {}, 200, "totals"},
		"localhost":      {func(r *http.Request) { r.Host = "localhost:4000" }, 200, "totals"},
		"IPv6":           {func(r *http.Request) { r.Host = "[::1]:4000" }, 200, "totals"},
		"rebound name":   {func(r *http.Request) { r.Host = "evil.example:4000" }, 403, `not at \"evil.example:4000\"`},
		"address":        {func(r *http.Request) { r.Host = "192.0.2.1:4000" }, 403, "only programs on this machine"},
		"no port":        {func(r *http.Request) { r.Host = "evil.example" }, 403, "only programs"},
		"page":           {post("https://evil.example", "cross-site"), 403, "only programs"},
		"old browser":    {post("https://evil.example", ""), 403, "only programs"},
		"put":            {func(r *http.Request) { r.Method = "PUT" }, 405, ""},
		"other path":     {func(r *http.Request) { r.URL.Path = "/debug" }, 404, ""},
		"post elsewhere": {func(r *http.Request) { r.Method = "POST" }, 405, ""},
	}
	for name, test := range tests {
		status, body := request(t, s, test.change)
		if status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s: %d %s, want %d and %q", name, status, body, test.status, test.says)
		}
	}
}

func TestBadQuestionsAreExplained(t *testing.T) {
	e := all()
	e.Table = func(_ context.Context, a Ask) (any, error) {
		switch a.Name {
		case "slow":
			return nil, fmt.Errorf("scan: %w", context.DeadlineExceeded)
		case "nan":
			return math.NaN(), nil
		case "companies":
			return nil, errors.New(`compile expression "prise > 1": stream companies has no column "prise"`)
		}
		return nil, fmt.Errorf("table %q: %w; there is companies", a.Name, ErrNotFound)
	}
	e.Errors = nil
	s := listen(t, nil, e)
	large := strings.Repeat(" ", maxBody+1)
	tests := []struct {
		method, path string
		body         io.Reader
		status       int
		says         string
	}{
		{"GET", "/tables/companies?where=prise+%3E+1", nil, 400, `{"error":"compile expression \"prise \u003e 1\": stream companies has no column \"prise\""}`},
		{"GET", "/tables/nobody", nil, 404, `table \"nobody\": not found; there is companies`},
		{"GET", "/tables/slow", nil, 504, "scan: context deadline exceeded"},
		{"GET", "/tables/nan", nil, 500, "unsupported value: NaN"},
		{"GET", "/errors", nil, 404, "not found"},
		{"GET", "/tables/companies?limit=0", nil, 400, `limit \"0\" is not a number from 1 to 10000`},
		{"GET", "/tables/companies?limit=10001", nil, 400, "limit"},
		{"GET", "/tables/companies?limit=many", nil, 400, "limit"},
		{"GET", "/aggregations/x?from=yesterday", nil, 400, `time \"yesterday\" is neither`},
		{"GET", "/aggregations/x?to=2026", nil, 400, `time \"2026\"`},
		{"POST", "/faults", strings.NewReader(large), 413, "more than 65536 bytes"},
		{"POST", "/faults", io.MultiReader(strings.NewReader(large)), 413, "more than 65536 bytes"}, // of unknown length
		{"POST", "/faults", strings.NewReader(`{"kind":"burst","duration":"1s"}`), 400, `unknown field \"duration\"`},
		{"POST", "/faults", strings.NewReader(`burst`), 400, "could not read the body"},
		{"POST", "/faults", nil, 400, "could not read the body"},
	}
	for _, test := range tests {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+s.Addr+test.path, test.body)
		if err != nil {
			t.Fatal(err)
		}
		status, body := request(t, s, func(old *http.Request) { *old = *r })
		if status != test.status || !strings.Contains(body, test.says) || !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%s %s: %d %s, want %d and %q", test.method, test.path, status, body, test.status, test.says)
		}
		if len(body) > 1000 {
			t.Errorf("%s %s: an answer of %d bytes", test.method, test.path, len(body))
		}
	}
}

func TestCallPassesOnWhatWentWrong(t *testing.T) {
	s := listen(t, nil, Engine{Totals: func(context.Context, Ask) (any, error) { return nil, errors.New("totals are out") }})
	if _, err := Call(t.Context(), s.Addr, "GET", "/totals", nil); err == nil || err.Error() != "totals are out" {
		t.Errorf("err = %v, want that of the engine", err)
	}
	if _, err := Call(t.Context(), s.Addr, "GET", "/nothing", nil); err == nil || err.Error() != "404 Not Found" {
		t.Errorf("err = %v, want the status", err)
	}
	if _, err := Call(t.Context(), s.Addr, "bad method", "/totals", nil); err == nil {
		t.Error("a bad method must fail")
	}
	s.Close()
	if _, err := Call(t.Context(), s.Addr, "GET", "/totals", nil); err == nil || !strings.Contains(err.Error(), "--control "+s.Addr) {
		t.Errorf("err = %v, want it to name the flag", err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who?", http.StatusTeapot) }))
	defer other.Close()
	if _, err := Call(t.Context(), strings.TrimPrefix(other.URL, "http://"), "GET", "/totals", nil); err == nil || err.Error() != "418 I'm a teapot" {
		t.Errorf("err = %v, want the status", err)
	}
}

func TestTheEndpointIsForThisMachineOnly(t *testing.T) {
	for _, addr := range []string{":4000", "0.0.0.0:4000", "192.0.2.1:4000", "[::]:4000", "example.com:80", "127.0.0.1", ""} {
		if s, err := Listen(addr, nil, Engine{}); err == nil || !strings.Contains(err.Error(), "use 127.0.0.1:<port>") {
			t.Errorf("Listen(%q) = %v, %v", addr, s, err)
		}
	}
	s := listen(t, nil, Engine{})
	if _, err := Listen(s.Addr, nil, Engine{}); err == nil || !strings.Contains(err.Error(), "could not open the control endpoint") {
		t.Errorf("a taken port: %v", err)
	}
}

func TestCloseDoesNotWaitForQuestions(t *testing.T) {
	begun := make(chan struct{})
	s := listen(t, nil, Engine{Totals: func(ctx context.Context, _ Ask) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	answered := make(chan error)
	go func() {
		_, err := Call(t.Context(), s.Addr, "GET", "/totals", nil)
		answered <- err
	}()
	<-begun
	s.Close()
	if err := <-answered; err == nil {
		t.Error("the question was answered")
	}
}

func TestOnDemandQueriesAreTimed(t *testing.T) {
	app, r := enginetest.Start(t)
	e := all()
	e.Table = func(_ context.Context, a Ask) (any, error) {
		return nil, map[string]error{"slow": context.DeadlineExceeded, "bad": errors.New("bad")}[a.Name]
	}
	s := listen(t, app, e)
	for _, path := range []string{"/tables/good", "/tables/bad", "/tables/bad", "/tables/slow", "/aggregations/x", "/totals", "/tables/good?limit=x"} {
		_, _ = Call(t.Context(), s.Addr, "GET", path, nil)
	}
	r.Expect(t, map[string]float64{
		"eventflux.on_demand_query.duration success": 2, "eventflux.on_demand_query.duration failure": 2,
		"eventflux.on_demand_query.duration timeout": 1,
	})
}
