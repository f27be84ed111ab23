// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retryAfter is when a sender may come back that the pipeline refused without
// saying for how long. Memory limiters look once a second, so a shorter wait is
// in vain. Senders that back off longer by themselves do.
const retryAfter = time.Second

// statusOf gives an error from the pipeline the gRPC status that tells the
// sender whether to try again. A status already attached is kept, except OK,
// which would tell the sender that its data is safe. Without one, a permanent
// error becomes INTERNAL and every other one UNAVAILABLE with a RetryInfo,
// which OTLP clients retry.
//
// See https://opentelemetry.io/docs/specs/otlp/#failures.
func statusOf(err error) *status.Status {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	switch {
	case ok && st.Code() != codes.OK:
		return readable(st)
	case consumererror.IsPermanent(err):
		return newStatus(codes.Internal, err.Error())
	}
	st = newStatus(codes.Unavailable, err.Error())
	if detailed, failed := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}); failed == nil {
		return detailed
	}
	return st
}

// newStatus makes a status with a message that can be encoded, whatever bytes
// of a sender are quoted in it.
func newStatus(code codes.Code, msg string) *status.Status {
	return status.New(code, strings.ToValidUTF8(msg, "\uFFFD"))
}

// readable returns st with a message that can be encoded.
func readable(st *status.Status) *status.Status {
	if utf8.ValidString(st.Message()) {
		return st
	}
	p := st.Proto()
	p.Message = strings.ToValidUTF8(p.GetMessage(), "\uFFFD")
	return status.FromProto(p)
}

// httpCode is the HTTP status that says to an OTLP client what the gRPC status
// says: 429 and 503 are retried, the others are not.
//
// See https://opentelemetry.io/docs/specs/otlp/#failures-1.
func httpCode(c codes.Code) int {
	switch c {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return http.StatusServiceUnavailable
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unimplemented:
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

// grpcCode is the gRPC status put into the body of an HTTP error.
func grpcCode(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return codes.Unimplemented
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	default:
		return codes.Unknown
	}
}
