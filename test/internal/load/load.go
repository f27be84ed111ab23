// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package load sends as many clients do: a steady number of requests, each once,
// so that every failure of whoever takes them shows.
package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// Load counts what many clients send. The zero value has sent nothing.
type Load struct {
	sent, failed atomic.Int64
	number       atomic.Int64

	mu        sync.Mutex
	lastError error
	accepted  []string // bodies
}

// Send sends a request.
type Send func(context.Context, plogotlp.ExportRequest) error

// Sent is how many requests were answered, well or not.
func (l *Load) Sent() int64 { return l.sent.Load() }

// Failed is how many of them failed, and why the last one did.
func (l *Load) Failed() (n int64, last error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed.Load(), l.lastError
}

// Accepted are the bodies of the records whose requests were answered well.
func (l *Load) Accepted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

// Logs returns a request with one record, whose body no other request has.
func (l *Load) Logs() (request plogotlp.ExportRequest, body string) {
	body = fmt.Sprint("request ", l.number.Add(1))
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "sender")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(body)
	return plogotlp.NewExportRequestFromLogs(ld), body
}

func (l *Load) one(send Send) {
	request, body := l.Logs()
	err := send(context.Background(), request) // one that began is finished
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent.Add(1)
	if err != nil {
		l.failed.Add(1)
		l.lastError = err
		return
	}
	l.accepted = append(l.accepted, body)
}

// Clients begin n clients that send a request every ten milliseconds each until
// stop is called, which waits for the answers.
func (l *Load) Clients(n int, send Send) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	for range n {
		sending.Go(func() {
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					l.one(send)
				}
			}
		})
	}
	return func() { cancel(); sending.Wait() }
}

// PostTo sends with POST.
func PostTo(client *http.Client, url string) Send {
	return func(ctx context.Context, request plogotlp.ExportRequest) error {
		body, err := request.MarshalProto()
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-protobuf")
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP %d", response.StatusCode)
		}
		return err
	}
}
