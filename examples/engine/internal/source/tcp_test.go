// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/enginetest"
)

// answers reads what comes back until the connection closes.
func answers(t *testing.T, c net.Conn) []string {
	t.Helper()
	var lines []string
	in := bufio.NewScanner(c)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	return lines
}

func TestLinesAreTakenInOrderAndAnsweredOnceTaken(t *testing.T) {
	var k taker
	app, recorder := enginetest.Start(t)
	read := func() map[string]float64 { return recorder.Read(t) }
	c := k.config(app.Source("Q", "tcp"))
	c.Batch, c.MaxBytes = 3, 64
	addr, stop := serve(t, NewTCP(c))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 300)
	lines := []string{event3(1), "", event3(2) + "\r", "bad", event3(3), event3(4), long, `{"s":7}`, "[" + event3(5) + "," + event3(6) + "]", event3(7)}
	if _, err := io.WriteString(conn, strings.Join(lines, "\n")); err != nil { // the last one has no end
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	got := answers(t, conn)
	want := []string{"ERR 4: record 1", "OK 5", "ERR 7: line is longer than 64 bytes", `ERR 8: record 1: field "s"`, "OK 9", "OK 10"}
	if len(got) != len(want) {
		t.Fatalf("answers %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("answer %q, want %q", got[i], want[i])
		}
	}
	if got := strings.ReplaceAll(k.all(), " ", ""); got != "E111E222E333E444E555E666E777" {
		t.Errorf("taken %s", k.all())
	}
	_ = conn.Close()
	stop()
	values := read()
	for name, want := range map[string]float64{
		"eventflux.source.events.received tcp Q": 7, "eventflux.source.messages.received tcp Q": 9,
		"eventflux.source.mapping.errors json tcp Q": 3, "eventflux.source.acks ack tcp Q": 7, "eventflux.source.acks nack tcp Q": 3,
		"eventflux.source.errors bad_line tcp Q": 3, "eventflux.source.connected tcp Q": 0, "eventflux.source.delivery.duration tcp Q": 3,
	} {
		check(t, values, name, want)
	}
}

func TestALineWaitsForOthersButNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k taker
		dial, stop := pipes(t, NewTCP(k.config(nil)))
		c := dial()
		in := bufio.NewReader(c)
		for i := 1; i < 4; i++ {
			begin := time.Now()
			text := event3(i) + "\n" + event3(i)[:5] // the rest of the next line comes later
			if i > 1 {
				text = event3(i - 1)[5:] + "\n" + text
			}
			_, _ = io.WriteString(c, text)
			got, err := in.ReadString('\n')
			if want := fmt.Sprintf("OK %d\n", 2*i-1); err != nil || got != want || time.Since(begin) != maxDelay {
				t.Fatalf("answer %q, %v after %s, want %q after %s", got, err, time.Since(begin), want, maxDelay)
			}
		}
		begin := time.Now()
		if rest := answers(t, c); len(rest) != 0 || time.Since(begin) != time.Minute {
			t.Errorf("a line that does not end: answers %q after %s", rest, time.Since(begin))
		}
		_ = c.Close()
		stop()
		if k.calls != 3 {
			t.Errorf("%d batches, want 3", k.calls)
		}
	})
}

func TestNoLineIsAnsweredThatWasNotTaken(t *testing.T) {
	calls := 0
	k := taker{fail: func(context.Context) error {
		if calls++; calls > 1 {
			return errors.New("the log\nis full")
		}
		return nil
	}}
	c := k.config(nil)
	c.Batch = 2
	addr, _ := serve(t, NewTCP(c))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, event3(1)+"\n"+event3(2)+"\n"+event3(3)+"\n"+event3(4)+"\n")
	got := answers(t, conn)
	if !slices.Equal(got, []string{"OK 2", "ERR 4: send again what follows the last OK: the log is full"}) || k.calls != 1 {
		t.Errorf("answers %q, %d taken", got, k.calls)
	}
	_ = conn.Close()
}

func TestMoreConnectionsThanTheLimitAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k taker
		c := k.config(nil)
		c.MaxOpen = 1
		dial, stop := pipes(t, NewTCP(c))
		first := dial()
		synctest.Wait()
		second := dial()
		if got := answers(t, second); len(got) != 1 || !strings.HasPrefix(got[0], "ERR 0: too many") {
			t.Errorf("answers %q", got)
		}
		deaf := dial() // reads no answer; it is given up
		time.Sleep(time.Minute - time.Second)
		if _, err := io.WriteString(deaf, "x"); err == nil {
			t.Error("the connection is open still")
		}
		_, _, _ = first.Close(), second.Close(), deaf.Close()
		synctest.Wait()
		again := dial()
		_, _ = io.WriteString(again, event3(1)+"\n")
		if got, err := bufio.NewReader(again).ReadString('\n'); err != nil || got != "OK 1\n" {
			t.Errorf("there is room again: %q, %v", got, err)
		}
		_ = again.Close()
		stop()
	})
}

func TestWhatWasReadByTheEndIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k taker
		dial, stop := pipes(t, NewTCP(k.config(nil)))
		c := dial()
		_, _ = io.WriteString(c, event3(1)+"\n"+event3(2)+"\n"+`{"s":`)
		got := make(chan []string)
		go func() { got <- answers(t, c) }()
		synctest.Wait()
		stop()
		if all := <-got; !slices.Equal(all, []string{"OK 2"}) || strings.ReplaceAll(k.all(), " ", "") != "E111E222" {
			t.Errorf("answers %q, taken %s", all, k.all())
		}
		_ = c.Close()
	})
}
