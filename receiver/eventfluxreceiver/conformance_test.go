// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// door is the pair of addresses of one running OTLP receiver.
type door struct{ grpc, http string }

// doors runs this receiver and the stock one in front of the same consumers.
// What follows is asked of both: where they answer alike, OTLP clients cannot
// tell them apart.
func doors(t *testing.T, next sinks) map[string]door {
	t.Helper()
	ours := start(t, testConfig(), next)
	return map[string]door{
		"eventflux": {grpc: ours.receiver.server.GRPCAddr.String(), http: "http://" + ours.receiver.server.HTTPAddr.String()},
		"stock":     startStock(t, next),
	}
}

func startStock(t *testing.T, next sinks) door {
	t.Helper()
	f := otlpreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*otlpreceiver.Config)
	d := door{grpc: freePort(t), http: freePort(t)}
	cfg.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = d.grpc
	cfg.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = d.http
	d.http = "http://" + d.http

	set := receivertest.NewNopSettings(f.Type())
	m, err := f.CreateMetrics(t.Context(), set, cfg, next.metrics)
	require.NoError(t, err)
	tr, err := f.CreateTraces(t.Context(), set, cfg, next.traces)
	require.NoError(t, err)
	l, err := f.CreateLogs(t.Context(), set, cfg, next.logs)
	require.NoError(t, err)
	for _, c := range []component.Component{m, tr, l} {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
	}
	return d
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

func protobufMetrics(t *testing.T) []byte {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(engineMetrics(nil)).MarshalProto()
	require.NoError(t, err)
	return body
}

func jsonMetrics(t *testing.T) []byte {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(engineMetrics(nil)).MarshalJSON()
	require.NoError(t, err)
	return body
}

func gzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestHTTPAnswersAsTheStockReceiver(t *testing.T) {
	_, next := collecting()
	running := doors(t, next)
	tests := []struct {
		name                        string
		method, path, ctype, encode string
		body                        []byte
		code                        int
		answer                      string // Content-Type
	}{
		{"protobuf", "POST", "/v1/metrics", protobufType, "", protobufMetrics(t), 200, protobufType},
		{"JSON", "POST", "/v1/metrics", jsonType, "", jsonMetrics(t), 200, jsonType},
		{"content type with a parameter", "POST", "/v1/metrics", jsonType + "; charset=utf-8", "", jsonMetrics(t), 200, jsonType},
		{"gzip", "POST", "/v1/metrics", protobufType, "gzip", gzipped(t, protobufMetrics(t)), 200, protobufType},
		{"empty traces", "POST", "/v1/traces", protobufType, "", nil, 200, protobufType},
		{"empty logs", "POST", "/v1/logs", jsonType, "", []byte("{}"), 200, jsonType},
		{"GET", "GET", "/v1/metrics", protobufType, "", nil, 405, "text/plain"},
		{"PUT", "PUT", "/v1/logs", protobufType, "", nil, 405, "text/plain"},
		{"no content type", "POST", "/v1/metrics", "", "", protobufMetrics(t), 415, "text/plain"},
		{"text", "POST", "/v1/traces", "text/plain", "", []byte("hello"), 415, "text/plain"},
		{"broken protobuf", "POST", "/v1/metrics", protobufType, "", []byte{0x0a, 0xff}, 400, protobufType},
		{"broken JSON", "POST", "/v1/metrics", jsonType, "", []byte(`{"resourceMetrics":[`), 400, jsonType},
		{"not gzip at all", "POST", "/v1/metrics", protobufType, "gzip", []byte("plain"), 400, protobufType},
		{"unknown compression", "POST", "/v1/metrics", protobufType, "brr", protobufMetrics(t), 400, protobufType},
		{"unknown path", "POST", "/v1/profiles", protobufType, "", nil, 404, "text/plain"},
	}
	for _, tt := range tests {
		for who, d := range running {
			t.Run(tt.name+"/"+who, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), tt.method, d.http+tt.path, bytes.NewReader(tt.body))
				require.NoError(t, err)
				if tt.ctype != "" {
					req.Header.Set("Content-Type", tt.ctype)
				}
				if tt.encode != "" {
					req.Header.Set("Content-Encoding", tt.encode)
				}
				resp, body := do(t, req)
				assert.Equal(t, tt.code, resp.StatusCode, "%s", body)
				got, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
				assert.Equal(t, tt.answer, got)
				if tt.code == 400 {
					assert.Equal(t, codes.InvalidArgument, codes.Code(decodeStatus(t, got, body).GetCode()))
				}
			})
		}
	}
}

func do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, body
}

func decodeStatus(t *testing.T, contentType string, body []byte) *spb.Status {
	t.Helper()
	st := &spb.Status{}
	if contentType == jsonType {
		require.NoError(t, protojson.Unmarshal(body, st))
		return st
	}
	require.NoError(t, proto.Unmarshal(body, st))
	return st
}

func throttled(delay time.Duration) error {
	st, _ := status.New(codes.ResourceExhausted, "slow down").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	return st.Err()
}

func TestPipelineErrorsReachTheSenderAsFromTheStockReceiver(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		grpc  codes.Code
		http  int
		retry string
	}{
		{"a full queue is retried", errors.New("sending queue is full"), codes.Unavailable, 503, ""},
		{"a permanent error is not", consumererror.NewPermanent(errors.New("bad data")), codes.Internal, 500, ""},
		{"a status is kept", status.Error(codes.InvalidArgument, "no name"), codes.InvalidArgument, 400, ""},
		{"throttling says for how long", throttled(3 * time.Second), codes.ResourceExhausted, 429, "3"},
		{"unauthenticated", status.Error(codes.Unauthenticated, "who"), codes.Unauthenticated, 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for who, d := range doors(t, failing(tt.err)) {
				t.Run(who, func(t *testing.T) {
					conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
					require.NoError(t, err)
					defer func() { _ = conn.Close() }()
					_, err = pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(engineMetrics(nil)))
					assert.Equal(t, tt.grpc, status.Code(err))

					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http+"/v1/metrics", bytes.NewReader(jsonMetrics(t)))
					require.NoError(t, err)
					req.Header.Set("Content-Type", jsonType)
					resp, body := do(t, req)
					assert.Equal(t, tt.http, resp.StatusCode)
					assert.Equal(t, tt.retry, resp.Header.Get("Retry-After"))
					assert.Equal(t, tt.grpc, codes.Code(decodeStatus(t, jsonType, body).GetCode()))
				})
			}
		})
	}
}

// Where this receiver answers otherwise on purpose.
func TestWantedDifferencesFromTheStockReceiver(t *testing.T) {
	_, next := collecting()
	cfg := testConfig()
	cfg.Protocols.HTTP.Get().Server.MaxRequestBodySize = 16
	url := "http://" + start(t, cfg, next).receiver.server.HTTPAddr.String() + "/v1/metrics"

	t.Run("405 names the allowed method", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, _ := do(t, req)
		assert.Equal(t, "POST", resp.Header.Get("Allow"))
	})
	t.Run("a body over the limit is 413, not 400", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(protobufMetrics(t)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", protobufType)
		resp, body := do(t, req)
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		assert.Contains(t, decodeStatus(t, protobufType, body).GetMessage(), "too large")
	})
}

func TestSignalsWithoutAPipelineAreRefused(t *testing.T) {
	set := receivertest.NewNopSettings(NewFactory().Type())
	cfg := testConfig()
	cfg.HealthExtension = nil
	sink, _ := collecting()
	m, err := NewFactory().CreateMetrics(t.Context(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, m.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { assert.NoError(t, m.Shutdown(context.Background())) }()
	srv := m.(*eventfluxReceiver).server

	conn, err := grpc.NewClient(srv.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequest())
	assert.Equal(t, codes.Unimplemented, status.Code(err))
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequest())
	assert.Equal(t, codes.Unimplemented, status.Code(err))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+srv.HTTPAddr.String()+"/v1/traces", http.NoBody)
	require.NoError(t, err)
	resp, _ := do(t, req)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}
