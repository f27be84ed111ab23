// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
)

// keepListening is how long a port stays open for the extension that a reload
// makes. Whoever connects meanwhile is answered by that one.
const keepListening = 10 * time.Second

// ports are the sockets of this process whose extension is gone and whose next one
// has yet to come.
var ports = parked{byName: map[string]*socket{}}

type parked struct {
	mu     sync.Mutex
	byName map[string]*socket
}

// socket is a listener that outlives servers, which close what they listen on.
type socket struct {
	deadliner
	ended atomic.Bool // for the present server
}

type deadliner interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// Close implements [net.Listener]: no more connections for the present server.
func (s *socket) Close() error {
	s.ended.Store(true)
	return s.SetDeadline(time.Unix(1, 0))
}

// Accept implements [net.Listener].
func (s *socket) Accept() (net.Conn, error) {
	c, err := s.deadliner.Accept()
	if err != nil && s.ended.Load() {
		return nil, net.ErrClosed
	}
	return c, err
}

// listen takes the port over from an extension before, if there was one.
func listen(ctx context.Context, cfg *confighttp.ServerConfig) (s *socket, listener net.Listener, err error) {
	var encryption *tls.Config
	if cfg.TLS.HasValue() {
		if encryption, err = cfg.TLS.Get().LoadTLSConfig(ctx); err != nil {
			return nil, nil, err
		}
		encryption.NextProtos = []string{"h2", "http/1.1"}
	}
	if s = ports.take(portName(cfg)); s == nil {
		ln, err := cfg.NetAddr.Listen(ctx)
		if err != nil {
			return nil, nil, err
		}
		s = &socket{deadliner: ln.(deadliner)} // as those of all stream sockets are
	}
	if encryption != nil {
		return s, tls.NewListener(s, encryption), nil
	}
	return s, s, nil
}

func portName(cfg *confighttp.ServerConfig) string {
	return string(cfg.NetAddr.Transport) + " " + cfg.NetAddr.Endpoint
}

// park keeps a socket that no server uses for a while.
func (p *parked) park(name string, s *socket, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byName[name] = s
	time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byName[name] == s {
			delete(p.byName, name)
			_ = s.deadliner.Close() // nobody came
		}
	})
}

func (p *parked) take(name string) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.byName[name]
	delete(p.byName, name)
	if !ok || s.SetDeadline(time.Time{}) != nil {
		return nil
	}
	s.ended.Store(false)
	return s
}
