// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestGRPC(t *testing.T) {
	for _, c := range []struct {
		err       error
		reason    string
		abandoned bool
	}{
		{nil, "", false},
		{status.Error(codes.Canceled, "context canceled"), "", true},
		{status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:4317: connect: connection refused"`), "Unavailable, connection refused", false},
		{status.Error(codes.Unavailable, "no room for user secret"), "Unavailable", false},
		{status.Error(codes.Unauthenticated, "bad token s3cr3t"), "Unauthenticated", false},
		{context.DeadlineExceeded, "Unknown", false}, // a client interceptor gets a status
		{errors.New("EOF"), "Unknown", false},
	} {
		if reason, abandoned := GRPC(c.err); reason != c.reason || abandoned != c.abandoned {
			t.Errorf("GRPC(%v) = %q, %t, want %q, %t", c.err, reason, abandoned, c.reason, c.abandoned)
		}
	}
}

func TestHTTP(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: 4318}, Err: err}
	}
	for _, c := range []struct {
		code      int
		err       error
		reason    string
		abandoned bool
	}{
		{200, nil, "", false},
		{307, nil, "", false},
		{401, nil, "HTTP 401", false},
		{503, nil, "HTTP 503", false},
		{0, context.Canceled, "", true},
		{0, context.DeadlineExceeded, "timeout", false},
		{0, dial(syscall.ECONNREFUSED), "connection refused", false},
		{0, dial(syscall.ECONNRESET), "connection reset by peer", false},
		{0, dial(syscall.EHOSTUNREACH), "host unreachable", false},
		{0, dial(&net.DNSError{Name: "secret.internal", Err: "no such host"}), "no such host", false},
		{0, &net.DNSError{IsTimeout: true}, "timeout", false},
		{0, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "certificate not trusted", false},
		{0, fmt.Errorf("reading: %w", io.EOF), "connection closed", false},
		{0, errors.New("http: server gave HTTP response, token s3cr3t, broken pipe"), "broken pipe", false},
		{0, errors.New("token s3cr3t"), "transport error", false},
	} {
		var response *http.Response
		if c.err == nil {
			response = &http.Response{StatusCode: c.code}
		}
		if reason, abandoned := HTTP(response, c.err); reason != c.reason || abandoned != c.abandoned {
			t.Errorf("HTTP(%d, %v) = %q, %t, want %q, %t", c.code, c.err, reason, abandoned, c.reason, c.abandoned)
		}
	}
}
