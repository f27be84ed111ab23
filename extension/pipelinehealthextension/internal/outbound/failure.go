// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// GRPC says how a call ended. A failure has a reason that quotes nothing of what the far
// end said, which may hold credentials.
func GRPC(err error) (reason string, abandoned bool) {
	s, _ := status.FromError(err)
	switch code := s.Code(); code {
	case codes.OK:
		return "", false
	case codes.Canceled:
		return "", true
	case codes.Unavailable:
		if cause := phraseIn(s.Message()); cause != "" {
			return code.String() + ", " + cause, false
		}
		return code.String(), false
	default:
		return code.String(), false
	}
}

// phrases are what is told of a transport's error.
var phrases = []string{
	"connection refused", "no such host", "i/o timeout", "connection reset by peer", "network is unreachable",
	"no route to host", "broken pipe", "certificate has expired", "certificate signed by unknown authority",
	"certificate is valid for", "first record does not look like a TLS handshake", "tls: handshake failure", "EOF",
}

func phraseIn(message string) string {
	for _, phrase := range phrases {
		if strings.Contains(message, phrase) {
			return phrase
		}
	}
	return ""
}

// HTTP says how a request ended. A redirect is an answer.
func HTTP(response *http.Response, err error) (reason string, abandoned bool) {
	switch {
	case err == nil && response.StatusCode < http.StatusBadRequest:
		return "", false
	case err == nil:
		return fmt.Sprintf("HTTP %d", response.StatusCode), false
	case errors.Is(err, context.Canceled):
		return "", true
	default:
		return transport(err), false
	}
}

// transport names the cause of an error without its addresses.
func transport(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset by peer"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "host unreachable"
	case errors.As(err, &dns):
		return "no such host"
	case errors.As(err, &certificate):
		return "certificate not trusted"
	case errors.Is(err, io.EOF):
		return "connection closed"
	}
	if phrase := phraseIn(err.Error()); phrase != "" {
		return phrase
	}
	return "transport error"
}
