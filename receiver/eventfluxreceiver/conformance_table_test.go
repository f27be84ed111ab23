// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// What OTLP clients may ask and what they are told. Every row is asked of this
// receiver and of the stock one, for each of the three signals. A row in which
// they differ has the stock receiver's answer and the reason.
//
// See https://opentelemetry.io/docs/specs/otlp/.

// setting is how both receivers are configured for a row.
type setting string

const (
	plain     setting = "default"
	small     setting = "small limits"
	withCORS  setting = "CORS"
	gzipOnly  setting = "gzip only"
	withToken setting = "bearer token"
	rejecting setting = "contract::mode reject" // of this receiver: the stock one has no contract
)

const (
	smallBody = 2048 // bytes
	origin    = "https://console.example.com"
)

var httpSettings = map[setting]func(*confighttp.ServerConfig){
	plain: func(*confighttp.ServerConfig) {},
	small: func(c *confighttp.ServerConfig) { c.MaxRequestBodySize = smallBody },
	withCORS: func(c *confighttp.ServerConfig) {
		c.CORS = configoptional.Some(confighttp.CORSConfig{
			AllowedOrigins: []string{"https://*.example.com"}, AllowedHeaders: []string{"X-Tenant"}, MaxAge: 60,
		})
	},
	gzipOnly: func(c *confighttp.ServerConfig) { c.CompressionAlgorithms = []string{"gzip"} },
	withToken: func(c *confighttp.ServerConfig) {
		c.Auth = configoptional.Some(confighttp.AuthConfig{Config: tokenAuth})
	},
}

var grpcSettings = map[setting]func(*configgrpc.ServerConfig){
	plain:     func(*configgrpc.ServerConfig) {},
	small:     func(c *configgrpc.ServerConfig) { c.MaxRecvMsgSizeMiB = 1 },
	withToken: func(c *configgrpc.ServerConfig) { c.Auth = configoptional.Some(tokenAuth) },
}

// httpAnswer is what a client sees.
type httpAnswer struct {
	code  int
	ctype string // media type
	// status is the code of the google.rpc.Status in the body, OK when the body
	// is none.
	status codes.Code
	header map[string]string // those that are looked at, "" for absent
}

type httpRow struct {
	name          string
	set           setting
	method, path  string // POST and the signal's own by default
	ctype, encode string
	header        map[string]string
	body          func(*testing.T, signal) []byte
	items         int // delivered to the pipeline
	want          httpAnswer
	stock         *httpAnswer // nil when it is the same
	why           string      // they differ
}

func accepted(ctype string) httpAnswer { return httpAnswer{code: http.StatusOK, ctype: ctype} }

func refused(code int, ctype string, st codes.Code) httpAnswer {
	return httpAnswer{code: code, ctype: ctype, status: st}
}

func text(code int) *httpAnswer { return &httpAnswer{code: code, ctype: "text/plain"} }

const (
	whyStatus = "OTLP wants a Status in the encoding of the request in every error body"
	why413    = "413 says that a smaller request will pass, 400 that none will"

	whyUnencodable = "the stock receiver quotes the bytes and then cannot encode its own answer"
)

// unencodable is the stock receiver's answer when it cannot encode the answer.
var unencodable = httpAnswer{code: 500, ctype: jsonType, status: codes.Internal}

func constant(body string) func(*testing.T, signal) []byte {
	return func(*testing.T, signal) []byte { return []byte(body) }
}

func repeated(n int) func(*testing.T, signal) []byte {
	return func(*testing.T, signal) []byte { return bytes.Repeat([]byte{0}, n) }
}

func compressed(with func(*testing.T, []byte) []byte, body func(*testing.T, signal) []byte) func(*testing.T, signal) []byte {
	return func(t *testing.T, s signal) []byte {
		t.Helper()
		return with(t, body(t, s))
	}
}

// encodedRows are the rows of one of the two encodings.
func encodedRows(ctype string) []httpRow {
	one, empty, broken := oneItem(ctype), constant(""), constant("\x0a\xff")
	if ctype == jsonType {
		empty, broken = constant("{}"), constant(`{"resourceMetrics":[`)
	}
	bad := refused(400, ctype, codes.InvalidArgument)
	large := refused(413, ctype, codes.InvalidArgument)
	rows := []httpRow{
		{name: "one item", ctype: ctype, body: one, items: 1, want: accepted(ctype)},
		{name: "a parameter of the content type", ctype: ctype + "; charset=utf-8", body: one, items: 1, want: accepted(ctype)},
		{name: "content type in capitals", ctype: upper(ctype), body: one, items: 1, want: accepted(ctype)},
		{name: "a query", path: "?tenant=a", ctype: ctype, body: one, items: 1, want: accepted(ctype)},
		{name: "unknown headers", ctype: ctype, header: map[string]string{"X-Scope": "a"}, body: one, items: 1, want: accepted(ctype)},
		{name: "empty", ctype: ctype, body: empty, want: accepted(ctype)},
		{name: "broken", ctype: ctype, body: broken, want: bad},
		{name: "unknown compression", ctype: ctype, encode: "brr", body: one, want: bad},
		{name: "two compressions", ctype: ctype, encode: "gzip, zstd", body: one, want: bad},
		{name: "a compression that is switched off", set: gzipOnly, ctype: ctype, encode: "zstd", body: compressed(zstded, one), want: bad},
		{name: "no compression where only gzip is allowed", set: gzipOnly, ctype: ctype, body: one, want: bad},
		{name: "the only compression allowed", set: gzipOnly, ctype: ctype, encode: "gzip", body: compressed(gzipped, one), items: 1, want: accepted(ctype)},
		{
			name: "over the limit", set: small, ctype: ctype, body: repeated(smallBody + 1),
			want: large, stock: &bad, why: why413,
		},
		{name: "at the limit", set: small, ctype: ctype, body: padded(ctype), items: 1, want: accepted(ctype)},
		{
			name: "an origin that is allowed", set: withCORS, ctype: ctype, header: map[string]string{"Origin": origin}, body: one, items: 1,
			want: httpAnswer{code: 200, ctype: ctype, header: map[string]string{"Access-Control-Allow-Origin": origin}},
		},
		{
			name: "an origin that is not", set: withCORS, ctype: ctype, header: map[string]string{"Origin": "https://other.com"}, body: one, items: 1,
			want: httpAnswer{code: 200, ctype: ctype, header: map[string]string{"Access-Control-Allow-Origin": ""}},
		},
		{name: "the right token", set: withToken, ctype: ctype, header: map[string]string{"Authorization": rightToken}, body: one, items: 1, want: accepted(ctype)},
		{name: "no token", set: withToken, ctype: ctype, body: one, want: refused(401, ctype, codes.Unauthenticated)},
		{name: "a wrong token", set: withToken, ctype: ctype, header: map[string]string{"Authorization": "Bearer x"}, body: one, want: refused(401, ctype, codes.Unauthenticated)},
		{
			name: "unknown path", path: "/v1/unknown", ctype: ctype, body: one,
			want: refused(404, ctype, codes.Unimplemented), stock: text(404), why: whyStatus,
		},
		{
			name: "a path below", path: "/below", ctype: ctype, body: one,
			want: refused(404, ctype, codes.Unimplemented), stock: text(404), why: whyStatus,
		},
	}
	if ctype == protobufType {
		rows = append(rows, httpRow{name: "JSON", ctype: ctype, body: oneItem(jsonType), want: bad})
	} else {
		rows = append(rows, httpRow{
			name: "bytes that are no text", ctype: ctype, body: constant("\x0a\xff\xfe\xfd"),
			want: bad, stock: &unencodable, why: whyUnencodable,
		})
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		want := refused(405, ctype, codes.Unimplemented)
		want.header = map[string]string{"Allow": "POST"}
		stock := *text(405)
		stock.header = map[string]string{"Allow": ""}
		rows = append(rows, httpRow{
			name: method, method: method, ctype: ctype, body: empty,
			want: want, stock: &stock, why: whyStatus + ", and HTTP wants the allowed method in 405",
		})
	}
	for name, with := range compressions {
		rows = append(rows,
			httpRow{name: name, ctype: ctype, encode: name, body: compressed(with, one), items: 1, want: accepted(ctype)},
			httpRow{name: name + " of nothing", ctype: ctype, encode: name, body: compressed(with, empty), want: accepted(ctype)},
			httpRow{name: name + " of a broken request", ctype: ctype, encode: name, body: compressed(with, broken), want: bad},
			httpRow{name: "not " + name + " at all", ctype: ctype, encode: name, body: constant("\xfeplain text"), want: bad},
			httpRow{name: "half of " + name, ctype: ctype, encode: name, body: half(compressed(with, one)), want: bad},
			httpRow{
				name: name + " over the limit", set: small, ctype: ctype, encode: name, body: compressed(with, repeated(smallBody+1)),
				want: large, stock: &bad, why: why413,
			},
			httpRow{
				name: name + " itself over the limit", set: small, ctype: ctype, encode: name, body: compressed(with, noise),
				want: large, stock: &bad, why: why413,
			})
	}
	for i := range rows {
		rows[i].name = ctype + "/" + rows[i].name
	}
	return rows
}

func httpRows() []httpRow {
	rows := append(encodedRows(protobufType), encodedRows(jsonType)...)
	one := oneItem(protobufType)
	for _, ctype := range []string{"", "text/plain", "application/protobuf", "application/grpc", "application/x-protobuf;=", "application/json+x"} {
		rows = append(rows, httpRow{
			name: fmt.Sprintf("content type %q", ctype), ctype: ctype, body: one, want: *text(415),
		})
	}
	const whyPlain = "the stock receiver answers 500 to what it has no encoding for"
	return append(rows,
		httpRow{name: "GET of a browser", method: "GET", body: constant(""), want: *text(405)},
		httpRow{name: "unknown path of a browser", method: "GET", path: "/v1/unknown", body: constant(""), want: *text(404)},
		httpRow{
			name: "no token and no content type", set: withToken, body: one, want: refused(401, jsonType, codes.Unauthenticated),
		},
		httpRow{
			name: "no token and an unknown content type", set: withToken, ctype: "text/plain", body: one,
			want: refused(401, jsonType, codes.Unauthenticated), stock: &unencodable, why: whyPlain,
		},
		httpRow{
			name: "unknown compression of an unknown content type", ctype: "text/plain", encode: "brr", body: one,
			want: refused(400, jsonType, codes.InvalidArgument), stock: &unencodable, why: whyPlain,
		},
		httpRow{
			name: "preflight", set: withCORS, method: "OPTIONS", body: constant(""),
			header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-tenant"},
			want: httpAnswer{code: 204, header: map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "POST",
				"Access-Control-Allow-Headers": "x-tenant", "Access-Control-Max-Age": "60",
			}},
		},
		httpRow{
			name: "preflight of another origin", set: withCORS, method: "OPTIONS", body: constant(""),
			header: map[string]string{"Origin": "https://other.com", "Access-Control-Request-Method": "POST"},
			want:   httpAnswer{code: 204, header: map[string]string{"Access-Control-Allow-Origin": ""}},
		},
	)
}

// grpcAnswer is what a client sees.
type grpcAnswer struct {
	code codes.Code
}

type grpcRow struct {
	name           string
	set            setting
	method, encode string // Export of the signal, uncompressed
	token          string
	body           func(*testing.T, signal) []byte
	items          int // delivered to the pipeline
	want           grpcAnswer
	stock          *grpcAnswer
	why            string
}

func grpcRows() []grpcRow {
	one := oneItem(protobufType)
	rows := []grpcRow{
		{name: "no token", set: withToken, body: one, want: grpcAnswer{codes.Unauthenticated}},
		{name: "a wrong token", set: withToken, token: "Bearer x", body: one, want: grpcAnswer{codes.Unauthenticated}},
		{name: "the right token", set: withToken, token: rightToken, body: one, items: 1, want: grpcAnswer{codes.OK}},
		{name: "unknown service", method: "/opentelemetry.proto.collector.unknown.v1.UnknownService/Export", body: one, want: grpcAnswer{codes.Unimplemented}},
		{name: "unknown method", method: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Import", body: one, want: grpcAnswer{codes.Unimplemented}},
	}
	for _, encode := range []string{"", "gzip", "zstd", "snappy"} {
		rows = append(rows,
			grpcRow{name: encode + "/one item", encode: encode, body: one, items: 1, want: grpcAnswer{codes.OK}},
			grpcRow{name: encode + "/empty", encode: encode, body: constant(""), want: grpcAnswer{codes.OK}},
			grpcRow{name: encode + "/broken", encode: encode, body: constant("\x0a\xff"), want: grpcAnswer{codes.Internal}},
			grpcRow{name: encode + "/over the limit", set: small, encode: encode, body: repeated(1<<20 + 1), want: grpcAnswer{codes.ResourceExhausted}},
		)
	}
	return rows
}

// errorRow is an error of the pipeline and how it is told.
type errorRow struct {
	name  string
	err   error
	grpc  codes.Code
	http  int
	retry time.Duration // in RetryInfo
	after string        // in Retry-After
	json  bool          // the body is JSON, whatever the request is
	stock *errorRow
	why   string
}

func throttled(code codes.Code, delay time.Duration) error {
	st, _ := status.New(code, "slow down").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	return st.Err()
}

func errorRows() []errorRow {
	full := errors.New("data refused due to high memory usage") // a memory limiter's
	const whyRetry = "a refused sender is told when it is worth to come back"
	unavailable := errorRow{grpc: codes.Unavailable, http: 503}
	rows := []errorRow{
		{
			name: "back-pressure", err: full, grpc: codes.Unavailable, http: 503,
			retry: time.Second, after: "1", stock: &unavailable, why: whyRetry,
		},
		{
			name: "wrapped back-pressure", err: fmt.Errorf("pipeline: %w", full), grpc: codes.Unavailable, http: 503,
			retry: time.Second, after: "1", stock: &unavailable, why: whyRetry,
		},
		{name: "permanent", err: consumererror.NewPermanent(full), grpc: codes.Internal, http: 500},
		{name: "wrapped permanent", err: fmt.Errorf("pipeline: %w", consumererror.NewPermanent(full)), grpc: codes.Internal, http: 500},
		{name: "throttled", err: throttled(codes.ResourceExhausted, 3*time.Second), grpc: codes.ResourceExhausted, http: 429, retry: 3 * time.Second, after: "3"},
		{name: "throttled and unavailable", err: throttled(codes.Unavailable, 2*time.Second), grpc: codes.Unavailable, http: 503, retry: 2 * time.Second, after: "2"},
		{
			name: "throttled for a part of a second", err: throttled(codes.ResourceExhausted, 1200*time.Millisecond), grpc: codes.ResourceExhausted, http: 429,
			retry: 1200 * time.Millisecond, after: "2",
			stock: &errorRow{grpc: codes.ResourceExhausted, http: 429, retry: 1200 * time.Millisecond, after: "1"},
			why:   "the stock receiver rounds down, to 0 even, and the sender comes back too early",
		},
		{
			name: "an error with the status OK", err: fmt.Errorf("pipeline: %w", okStatus{}), grpc: codes.Unavailable, http: 503,
			retry: time.Second, after: "1", stock: &errorRow{grpc: codes.OK, http: 200},
			why: "the stock receiver tells the sender that refused data is safe, which loses it",
		},
		{
			name: "an error with bytes that are no text", err: consumererror.NewPermanent(errors.New("name \xff")), grpc: codes.Internal, http: 500,
			stock: &errorRow{grpc: codes.Internal, http: 500, json: true}, why: whyUnencodable,
		},
	}
	for code, http := range map[codes.Code]int{
		codes.Canceled: 503, codes.Unknown: 500, codes.InvalidArgument: 400, codes.DeadlineExceeded: 503,
		codes.NotFound: 500, codes.AlreadyExists: 500, codes.PermissionDenied: 403, codes.ResourceExhausted: 429,
		codes.FailedPrecondition: 500, codes.Aborted: 503, codes.OutOfRange: 503, codes.Unimplemented: 404,
		codes.Internal: 500, codes.Unavailable: 503, codes.DataLoss: 503, codes.Unauthenticated: 401,
	} {
		rows = append(rows, errorRow{name: code.String(), err: status.Error(code, "no"), grpc: code, http: http})
	}
	return rows
}

// okStatus is what a component makes that attaches the status of a call that
// did not fail.
type okStatus struct{}

func (okStatus) Error() string              { return "half of the data is lost" }
func (okStatus) GRPCStatus() *status.Status { return status.New(codes.OK, "") }
