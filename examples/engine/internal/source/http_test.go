// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

// taker is a stream that keeps what it takes.
type taker struct {
	names event.Symbols
	fail  func(ctx context.Context) error // asked first, unless nil

	mu     sync.Mutex
	events []string
	last   junction.Message
	sender string
	seq    uint64
	calls  int
}

func (k *taker) take(ctx context.Context, m junction.Message, sender string, seq uint64) error {
	if k.fail != nil {
		if err := k.fail(ctx); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last, k.sender, k.seq = m, sender, seq
	k.calls++
	for i := range m.Batch.Len() {
		r := m.Batch.Row(i)
		k.events = append(k.events, fmt.Sprint(k.names.Name(r.Symbol(0)), r.Float(1), r.Int(2)))
	}
	return nil
}

func (k *taker) all() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.events, " ")
}

func (k *taker) config(h *telemetry.Source) Config {
	return Config{Schema: quote, Names: &k.names, Take: k.take, Handle: h, Path: "/events"}
}

// runner is what both servers are.
type runner interface {
	Run(run, stop context.Context, lis net.Listener) error
}

// serve runs s on loopback until the test ends, or stop is called.
func serve(t *testing.T, s runner) (addr string, stop func()) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background(), ctx, lis) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return lis.Addr().String(), stop
}

func event3(i int) string { return fmt.Sprintf(`{"s":"E%d","p":%d,"n":%d,"t":0}`, i, i, i) }

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func post(t *testing.T, url, body string, header map[string]string) (status int, text string, h http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(got), answer.Header
}

func TestWhatIsPostedIsWhatIsTaken(t *testing.T) {
	var k taker
	app, recorder := enginetest.Start(t)
	read := func() map[string]float64 { return recorder.Read(t) }
	addr, _ := serve(t, NewHTTP(k.config(app.Source("Q", "http"))))
	url := "http://" + addr + "/events"
	zipped := map[string]string{"Content-Encoding": "gzip"}
	for _, c := range []struct {
		body   string
		header map[string]string
		n      int
	}{
		{event3(1), nil, 1},
		{"[" + event3(2) + "," + event3(3) + "]", nil, 2},
		{event3(4) + "\n" + event3(5) + "\n", nil, 2},
		{zip(event3(6) + "\n" + event3(7)), zipped, 2},
		{"[]", nil, 0},
	} {
		status, text, _ := post(t, url, c.body, c.header)
		if want := fmt.Sprintf(`{"accepted":%d}`, c.n); status != http.StatusAccepted || strings.TrimSpace(text) != want {
			t.Errorf("%q: %d %s, want %s", c.body, status, text, want)
		}
	}
	if got, want := k.all(), "E11 1 E22 2 E33 3 E44 4 E55 5 E66 6 E77 7"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("taken %s, want %s", got, want)
	}
	if m := k.last; m.Source != "http" || m.ReadStart.IsZero() || m.ReadEnd.Before(m.ReadStart) {
		t.Errorf("the message says %+v", m)
	}
	_, _, _ = post(t, url, "{}", nil)
	got := read()
	for name, want := range map[string]float64{
		"eventflux.source.events.received http Q": 7, "eventflux.source.messages.received http Q": 6,
		"eventflux.source.mapping.errors json http Q": 1, "eventflux.source.mapping.duration json http Q": 6,
		"eventflux.source.acks ack http Q": 5, "eventflux.source.acks nack http Q": 1, "eventflux.source.errors 400 http Q": 1,
		"eventflux.source.connected http Q": 1, "eventflux.source.delivery.duration http Q": 4, "eventflux.source.read.duration http Q": 6,
	} {
		check(t, got, name, want)
	}
	for _, name := range []string{"eventflux.source.io http Q", "eventflux.source.idle.time http Q", "eventflux.source.event_time.lag http Q"} {
		if v, ok := got[attrs(name, got)]; !ok || v < 0 || v > 1e5 {
			t.Errorf("%s = %v, %v", name, v, ok)
		}
	}
}

// attrs finds the key in got that has the words of name, in any order.
func attrs(name string, got map[string]float64) string {
	words := strings.Fields(name)
	for k := range got {
		have := strings.Fields(k)
		if len(have) != len(words) || have[0] != words[0] {
			continue
		}
		missing := map[string]int{}
		for _, w := range words {
			missing[w]++
		}
		for _, w := range have {
			if missing[w]--; missing[w] == 0 {
				delete(missing, w)
			}
		}
		if len(missing) == 0 {
			return k
		}
	}
	return name
}

func check(t *testing.T, got map[string]float64, name string, want float64) {
	t.Helper()
	if v, ok := got[attrs(name, got)]; !ok || v != want {
		near := maps.Collect(func(yield func(string, float64) bool) {
			for k, v := range got {
				if strings.HasPrefix(k, strings.Fields(name)[0]) && !yield(k, v) {
					return
				}
			}
		})
		t.Errorf("%s = %v, %v, want %v; there are %v", name, v, ok, want, near)
	}
}

func TestARefusedRequestIsNotTakenInPart(t *testing.T) {
	var k taker
	c := k.config(nil)
	c.MaxBytes = 1000
	addr, _ := serve(t, NewHTTP(c))
	url := "http://" + addr
	many := strings.Repeat(event3(1)+"\n", 50)
	for name, c := range map[string]struct {
		path, body string
		header     map[string]string
		status     int
		want       string
	}{
		"nothing":          {"/events", "", nil, 400, "record 1"},
		"no JSON":          {"/events", "hello", nil, 400, "record 1"},
		"bad second":       {"/events", event3(1) + "\n{\"s\":1}", nil, 400, `record 2: field "s"`},
		"bad in array":     {"/events", "[" + event3(1) + ",3]", nil, 400, "record 2: want an object"},
		"cut off":          {"/events", "[" + event3(1), nil, 400, "record 2: unexpected EOF"},
		"too large":        {"/events", many, nil, 413, "at most 1000 bytes"},
		"too large inside": {"/events", zip(many), map[string]string{"Content-Encoding": "gzip"}, 413, "at most 1000 bytes"},
		"not gzip":         {"/events", event3(1), map[string]string{"Content-Encoding": "gzip"}, 400, "gzip"},
		"half a gzip":      {"/events", zip(event3(1))[:30], map[string]string{"Content-Encoding": "gzip"}, 400, "EOF"},
		"other encoding":   {"/events", "\x28\xb5\x2f\xfd", map[string]string{"Content-Encoding": "zstd"}, 400, "record 1"},
		"elsewhere":        {"/other", event3(1), nil, 404, ""},
		"no number":        {"/events", event3(1), map[string]string{"X-Sender": "a"}, 400, "X-Sequence"},
		"number 0":         {"/events", event3(1), map[string]string{"X-Sender": "a", "X-Sequence": "0"}, 400, "X-Sequence"},
		"no number at all": {"/events", event3(1), map[string]string{"X-Sender": "a", "X-Sequence": "x"}, 400, "X-Sequence"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text, _ := post(t, url+c.path, c.body, c.header)
			if status != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%d %s, want %d %s", status, text, c.status, c.want)
			}
		})
	}
	answer, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(answer.Header.Get("Allow"), "POST") {
		t.Errorf("GET: %s, Allow %q", answer.Status, answer.Header.Get("Allow"))
	}
	http.DefaultClient.CloseIdleConnections()
	if k.calls != 0 {
		t.Errorf("taken: %s", k.all())
	}
}

func TestNothingIsAcceptedThatWasNotTaken(t *testing.T) {
	broken := errors.New("the log is full")
	for status, fail := range map[int]func(context.Context) error{
		http.StatusServiceUnavailable: func(context.Context) error { return broken },
		http.StatusTooManyRequests:    func(context.Context) error { return context.DeadlineExceeded },
	} {
		k := taker{fail: fail}
		app, recorder := enginetest.Start(t)
		read := func() map[string]float64 { return recorder.Read(t) }
		addr, _ := serve(t, NewHTTP(k.config(app.Source("Q", "http"))))
		got, _, header := post(t, "http://"+addr+"/events", event3(1), nil)
		if got != status || header.Get("Retry-After") == "" || k.calls != 0 {
			t.Errorf("status %d with Retry-After %q, want %d and a pause", got, header.Get("Retry-After"), status)
		}
		check(t, read(), "eventflux.source.events.received http Q", 0)
	}
}

func TestAStreamThatIsFullForLongIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := taker{fail: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		c := k.config(nil)
		c.MaxOpen = 1
		dial, stop := pipes(t, NewHTTP(c))
		first, second := dial(), dial()
		request := "POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 28\r\n\r\n" + event3(1)
		_, _ = io.WriteString(first, request)
		synctest.Wait()
		go func() { _, _ = io.WriteString(second, request) }()
		if status := status(t, second); status != http.StatusTooManyRequests {
			t.Errorf("the second request of one: %d", status)
		}
		if status := status(t, first); status != http.StatusTooManyRequests {
			t.Errorf("the stream is full: %d", status)
		}
		_, _ = first.Close(), second.Close()
		stop()
	})
}

func TestASlowSenderIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k taker
		c := k.config(nil)
		dial, stop := pipes(t, NewHTTP(c))
		begin := time.Now()
		body := dial()
		_, _ = io.WriteString(body, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"s\":")
		if status := status(t, body); status != http.StatusRequestTimeout || time.Since(begin) > 2*time.Minute {
			t.Errorf("a body that does not come: %d after %s", status, time.Since(begin))
		}
		begin = time.Now()
		header := dial()
		_, _ = io.WriteString(header, "POST /events HT")
		if rest, err := io.ReadAll(header); time.Since(begin) > 2*time.Minute {
			t.Errorf("headers that do not come: %q, %v after %s", rest, err, time.Since(begin))
		}
		_, _ = body.Close(), header.Close()
		stop()
		if k.calls != 0 {
			t.Error("half a request was taken")
		}
	})
}

// pipes runs s on connections in memory.
func pipes(t *testing.T, s runner) (dial func() net.Conn, stop func()) {
	t.Helper()
	lis := listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background(), ctx, &lis) }()
	dial = func() net.Conn {
		here, there := net.Pipe()
		lis.conns <- there
		return here
	}
	return dial, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func status(t *testing.T, c net.Conn) int {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestTheTraceOfTheSenderGoesOn(t *testing.T) {
	var k taker
	addr, _ := serve(t, NewHTTP(k.config(nil)))
	code, text, _ := post(t, "http://"+addr+"/events", event3(1), map[string]string{
		"traceparent": "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01", "tracestate": "a=b", "baggage": "user=7",
		"X-Sender": "me", "X-Sequence": "12",
	})
	if code != http.StatusAccepted {
		t.Fatal(code, text)
	}
	sc := trace.SpanContextFromContext(k.last.Ctx)
	if sc.TraceID().String() != "0102030405060708090a0b0c0d0e0f10" || !sc.IsRemote() || sc.TraceState().Get("a") != "b" {
		t.Errorf("span context %+v", sc)
	}
	if got := baggage.FromContext(k.last.Ctx).Member("user").Value(); got != "7" {
		t.Errorf("baggage %q", got)
	}
	if k.sender != "me" || k.seq != 12 || k.last.Ctx.Done() != nil {
		t.Errorf("sender %q, sequence %d", k.sender, k.seq)
	}
}

func TestARequestThatIsOpenAtTheEndIsAnswered(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	k := taker{fail: func(context.Context) error { close(reached); <-release; return nil }}
	addr, stop := serve(t, NewHTTP(k.config(nil)))
	answered := make(chan int, 1)
	go func() {
		code, _, _ := post(t, "http://"+addr+"/events", event3(1), nil)
		answered <- code
	}()
	<-reached
	ended := make(chan struct{})
	go func() { stop(); close(ended) }()
	close(release)
	if code := <-answered; code != http.StatusAccepted || k.calls != 1 {
		t.Errorf("status %d, %d calls", code, k.calls)
	}
	<-ended
}

func TestTheEndOfTheRunCutsRequestsShort(t *testing.T) {
	reached := make(chan struct{})
	k := taker{fail: func(ctx context.Context) error { close(reached); <-ctx.Done(); return ctx.Err() }}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewHTTP(k.config(nil)).Run(run, context.Background(), lis) }()
	c, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n"+event3(1))
	<-reached
	cancel()
	if err := <-done; err != nil || k.calls != 0 {
		t.Errorf("err = %v, %d calls", err, k.calls)
	}
	got, _ := io.ReadAll(c)
	if strings.Contains(string(got), " 202 ") {
		t.Errorf("answer %s", got)
	}
	_ = c.Close()
}

func TestWhatOneEngineSendsAnotherTakes(t *testing.T) {
	var k taker
	addr, _ := serve(t, NewHTTP(k.config(nil)))
	out, err := sink.NewHTTP("http://"+addr+"/events", &k.names)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGenerator(quote, &k.names, []string{"A", "B\n\"é"}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		b := event.NewBatch(quote, n)
		_ = g.Read(b, n, int64(n)*1234567891011)
		if err := out.Format(b); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			continue // an empty body is no batch; queries send none
		}
		if _, err := out.Send(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := k.last.Batch
		if got.Len() != n || k.sender == "" || k.seq != uint64(n+1) {
			t.Fatalf("%d rows from %q, number %d", got.Len(), k.sender, k.seq)
		}
		for i := range n {
			if !slices.Equal(got.Row(i), b.Row(i)) {
				t.Errorf("row %v came as %v", b.Row(i), got.Row(i))
			}
		}
	}
	_ = out.Close()
}
