// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

func TestABatchIsPostedWithItsTrace(t *testing.T) {
	var names event.Symbols
	var got []*http.Request
	var bodies []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, bodies = append(got, r), append(bodies, string(body))
		if len(got) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receiver.Close()
	h, err := NewHTTP(receiver.URL+"/in", &names)
	if err != nil {
		t.Fatal(err)
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	member, _ := baggage.NewMember("user", "7")
	bag, _ := baggage.New(member)
	ctx := trace.ContextWithSpanContext(baggage.ContextWithBaggage(context.Background(), bag), sc)
	for i := range 2 {
		if err := h.Format(batch(&names, i+1)); err != nil {
			t.Fatal(err)
		}
		n, err := h.Send(ctx)
		if i == 0 { // the first attempt has failed
			if err == nil || IsPermanent(err) || n != 0 {
				t.Fatalf("%d, %v", n, err)
			}
			n, err = h.Send(ctx)
		}
		if err != nil || n != len(bodies[len(bodies)-1]) {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if len(got) != 3 || bodies[0] != bodies[1] || strings.Count(bodies[2], "\n") != 2 || bodies[2] != string(appendJSON(nil, batch(&names, 2), &names)) {
		t.Fatalf("received %q", bodies)
	}
	keys := []string{}
	for _, r := range got {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if r.Method != http.MethodPost || r.URL.Path != "/in" ||
			r.Header.Get("Traceparent") != "00-01000000000000000000000000000000-0200000000000000-01" || r.Header.Get("Baggage") != "user=7" ||
			r.Header.Get("X-Sender")+"-"+r.Header.Get("X-Sequence") != r.Header.Get("Idempotency-Key") {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
	}
	if keys[0] != keys[1] || keys[1] == keys[2] {
		t.Errorf("keys %q: a repetition has the same, the next batch another", keys)
	}
	if err := errors.Join(h.Finish(ctx), h.Close()); err != nil {
		t.Error(err)
	}
}

func TestTheAnswerSaysWhetherTryingAgainHelps(t *testing.T) {
	status, wish := 0, ""
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", wish)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat("because\n", 1000))
	}))
	h, err := NewHTTP(receiver.URL, &event.Symbols{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status    int
		wish      string
		permanent bool
		low, high time.Duration
	}{
		{429, "3", false, 3 * time.Second, 3 * time.Second},
		{503, "", false, 0, 0},
		{503, "soon", false, 0, 0},
		{503, "-3", false, 0, 0},
		{503, "99999", false, 5 * time.Minute, 5 * time.Minute},
		{500, "Mon, 02 Jan 2006 15:04:05 GMT", false, 0, 0},
		{408, "", false, 0, 0},
		{400, "", true, 0, 0},
		{404, "3", true, 0, 0},
		{413, "", true, 0, 0},
	} {
		status, wish = c.status, c.wish
		_, err := h.Send(context.Background())
		if err == nil || IsPermanent(err) != c.permanent || Pause(err) < c.low || Pause(err) > c.high || !strings.Contains(err.Error(), "because") || len(err.Error()) > 300 {
			t.Errorf("%d with %q: %v, permanent %v, pause %s", c.status, c.wish, err, IsPermanent(err), Pause(err))
		}
	}
	receiver.Close()
	if _, err := h.Send(context.Background()); err == nil || IsPermanent(err) || Pause(err) != 0 {
		t.Errorf("nobody listens: %v", err)
	}
	if Pause(nil) != 0 || Pause(errors.New("x")) != 0 {
		t.Error("nobody asked for a pause")
	}
	_ = h.Close()
	for _, target := range []string{"", "localhost:80/x", "ftp://x/", "http:///x", ":", "http://a b/"} {
		if _, err := NewHTTP(target, nil); err == nil {
			t.Errorf("%q is no target", target)
		}
	}
	secret, err := NewHTTP("http://me:word@host/", nil)
	if err != nil || strings.Contains(secret.Target(), "word") {
		t.Errorf("target %q, %v", secret.Target(), err)
	}
}
