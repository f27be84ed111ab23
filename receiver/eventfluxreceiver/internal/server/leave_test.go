// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
)

// script is a listener that does as it is told.
type script struct {
	net.Listener
	accepts chan any // net.Conn or error
}

func (s *script) Accept() (net.Conn, error) {
	switch next := (<-s.accepts).(type) {
	case net.Conn:
		return next, nil
	case error:
		return nil, next
	default:
		return nil, net.ErrClosed
	}
}

func (s *script) Close() error {
	close(s.accepts)
	return nil
}

func TestAListenerOutlivesAMomentWithoutFiles(t *testing.T) {
	s := &script{accepts: make(chan any, 9)}
	h := newHand(s)
	first, second := &lease{hand: h, ended: make(chan struct{})}, &lease{hand: h, ended: make(chan struct{})}
	conn, other := net.Pipe()
	defer func() { _ = other.Close() }()
	short := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	s.accepts <- short
	s.accepts <- short
	s.accepts <- conn
	if got, err := first.Accept(); got != conn || err != nil {
		t.Fatalf("Accept() = %v, %v", got, err)
	}

	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
	s.accepts <- conn
	if got, err := second.Accept(); got != conn || err != nil {
		t.Errorf("the next one: %v, %v", got, err)
	}

	broken := errors.New("broken")
	s.accepts <- broken
	if _, err := second.Accept(); !errors.Is(err, broken) {
		t.Errorf("what is not temporary: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
