// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

func upper(ctype string) string { return strings.ToUpper(ctype) }

// signal is one of the three.
type signal struct {
	name, path, method string
	request            func() (protobuf, json func() ([]byte, error)) // with one item
	response           func() interface {
		UnmarshalProto([]byte) error
		UnmarshalJSON([]byte) error
	}
}

var signals = []signal{
	{
		name: "metrics", path: "/v1/metrics", method: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
		request: func() (protobuf, json func() ([]byte, error)) {
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("eventflux.uptime")
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(1)
			req := pmetricotlp.NewExportRequestFromMetrics(md)
			return req.MarshalProto, req.MarshalJSON
		},
		response: func() interface {
			UnmarshalProto([]byte) error
			UnmarshalJSON([]byte) error
		} {
			return pmetricotlp.NewExportResponse()
		},
	},
	{
		name: "traces", path: "/v1/traces", method: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
		request: func() (protobuf, json func() ([]byte, error)) {
			td := ptrace.NewTraces()
			td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("query")
			req := ptraceotlp.NewExportRequestFromTraces(td)
			return req.MarshalProto, req.MarshalJSON
		},
		response: func() interface {
			UnmarshalProto([]byte) error
			UnmarshalJSON([]byte) error
		} {
			return ptraceotlp.NewExportResponse()
		},
	},
	{
		name: "logs", path: "/v1/logs", method: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
		request: func() (protobuf, json func() ([]byte, error)) {
			ld := plog.NewLogs()
			ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("started")
			req := plogotlp.NewExportRequestFromLogs(ld)
			return req.MarshalProto, req.MarshalJSON
		},
		response: func() interface {
			UnmarshalProto([]byte) error
			UnmarshalJSON([]byte) error
		} {
			return plogotlp.NewExportResponse()
		},
	},
}

func oneItem(ctype string) func(*testing.T, signal) []byte {
	return func(t *testing.T, s signal) []byte {
		t.Helper()
		protobuf, json := s.request()
		if ctype == jsonType {
			protobuf = json
		}
		body, err := protobuf()
		require.NoError(t, err)
		return body
	}
}

// padded is one item in a body of exactly smallBody bytes: an unknown field, or
// spaces, make the rest.
func padded(ctype string) func(*testing.T, signal) []byte {
	return func(t *testing.T, s signal) []byte {
		t.Helper()
		body := oneItem(ctype)(t, s)
		if ctype == jsonType {
			return append(body, bytes.Repeat([]byte{' '}, smallBody-len(body))...)
		}
		// Field 15, length-delimited: a byte of key and two of length.
		n := smallBody - len(body) - 3
		body = append(body, 15<<3|2, byte(n&0x7f|0x80), byte(n>>7))
		return append(body, make([]byte, n)...)
	}
}

// noise cannot be compressed and is over every small limit.
func noise(*testing.T, signal) []byte {
	r, b := rand.New(rand.NewPCG(1, 2)), make([]byte, 3*smallBody)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func half(body func(*testing.T, signal) []byte) func(*testing.T, signal) []byte {
	return func(t *testing.T, s signal) []byte {
		t.Helper()
		b := body(t, s)
		return b[:len(b)/2]
	}
}

// compressions are the values of Content-Encoding and what makes them.
var compressions = map[string]func(*testing.T, []byte) []byte{
	"gzip": gzipped, "zstd": zstded, "zlib": zlibbed, "deflate": zlibbed, "snappy": snappied,
}

func written(t *testing.T, w io.WriteCloser, into *bytes.Buffer, body []byte) []byte {
	t.Helper()
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return into.Bytes()
}

func gzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	return written(t, gzip.NewWriter(&buf), &buf, body)
}

func zlibbed(t *testing.T, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	return written(t, zlib.NewWriter(&buf), &buf, body)
}

func zstded(t *testing.T, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf)
	require.NoError(t, err)
	return written(t, w, &buf, body)
}

func snappied(_ *testing.T, body []byte) []byte { return snappy.Encode(nil, body) }

// pipeline counts what senders sent, which the receiver's own reports are not,
// and refuses with err while it has one.
type pipeline struct {
	mu    sync.Mutex
	items int
	err   error
}

func (p *pipeline) take(items int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.items += items
	return nil
}

// delivered returns what arrived since the last call.
func (p *pipeline) delivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.items
	p.items = 0
	return n
}

func (p *pipeline) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *pipeline) sinks(t testing.TB) sinks {
	t.Helper()
	m, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		sent := pmetric.NewMetrics()
		md.CopyTo(sent)
		for _, rm := range sent.ResourceMetrics().All() {
			rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool { return sm.Scope().Name() == pulse.ScopeName })
		}
		return p.take(sent.DataPointCount())
	})
	require.NoError(t, err)
	tr, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error { return p.take(td.SpanCount()) })
	require.NoError(t, err)
	l, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
		sent := plog.NewLogs()
		ld.CopyTo(sent)
		for _, rl := range sent.ResourceLogs().All() {
			rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool { return sl.Scope().Name() == pulse.ScopeName })
		}
		return p.take(sent.LogRecordCount())
	})
	require.NoError(t, err)
	return sinks{m, tr, l}
}

// The authenticator of these tests knows one token.
var (
	tokenID   = component.MustNewID("token")
	tokenAuth = configauth.Config{AuthenticatorID: tokenID}
)

const rightToken = "Bearer right"

type tokenAuthenticator struct {
	component.StartFunc
	component.ShutdownFunc
}

func (tokenAuthenticator) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	for _, name := range []string{"Authorization", "authorization"} {
		if got := headers[name]; len(got) == 1 && got[0] == rightToken {
			return ctx, nil
		}
	}
	return ctx, errors.New("no or wrong token")
}

// door is one running OTLP receiver.
type door struct {
	grpc *grpc.ClientConn
	http string
	next *pipeline
}

// doors runs this receiver and the stock one in the same setting. Where they
// answer alike, OTLP clients cannot tell them apart.
func doors(t *testing.T, set setting) (ours, stock door) {
	t.Helper()
	ours.next, stock.next = &pipeline{}, &pipeline{}
	cfg := testConfig()
	if change, ok := httpSettings[set]; ok {
		change(&cfg.Protocols.HTTP.Get().Server)
	}
	if change, ok := grpcSettings[set]; ok {
		change(cfg.Protocols.GRPC.Get())
	}
	if set == rejecting {
		cfg.Contract.Mode = ModeReject
	}
	b := start(t, cfg, ours.next.sinks(t))
	ours.grpc = dial(t, b.receiver.server.GRPCAddr.String())
	ours.http = "http://" + b.receiver.server.HTTPAddr.String()

	f := otlpreceiver.NewFactory()
	theirs := f.CreateDefaultConfig().(*otlpreceiver.Config)
	g, h := theirs.Protocols.GRPC.GetOrInsertDefault(), &theirs.Protocols.HTTP.GetOrInsertDefault().ServerConfig
	g.NetAddr.Endpoint, h.NetAddr.Endpoint = freePort(t), freePort(t)
	if change, ok := httpSettings[set]; ok {
		change(h)
	}
	if change, ok := grpcSettings[set]; ok {
		change(g)
	}
	startStock(t, theirs, stock.next.sinks(t))
	stock.grpc, stock.http = dial(t, g.NetAddr.Endpoint), "http://"+h.NetAddr.Endpoint
	return ours, stock
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func startStock(t *testing.T, cfg *otlpreceiver.Config, next sinks) {
	t.Helper()
	f := otlpreceiver.NewFactory()
	set := receivertest.NewNopSettings(f.Type())
	m, err := f.CreateMetrics(t.Context(), set, cfg, next.metrics)
	require.NoError(t, err)
	tr, err := f.CreateTraces(t.Context(), set, cfg, next.traces)
	require.NoError(t, err)
	l, err := f.CreateLogs(t.Context(), set, cfg, next.logs)
	require.NoError(t, err)
	for _, c := range []component.Component{m, tr, l} {
		require.NoError(t, c.Start(t.Context(), fakeHost{tokenID: tokenAuthenticator{}}))
		t.Cleanup(func() { assert.NoError(t, c.Shutdown(context.Background())) })
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// bySetting groups rows, so that one pair of receivers answers a group.
func bySetting[R any](rows []R, set func(R) setting) map[setting][]R {
	groups := map[setting][]R{}
	for _, row := range rows {
		key := set(row)
		if key == "" {
			key = plain
		}
		groups[key] = append(groups[key], row)
	}
	return groups
}

func TestHTTPConformance(t *testing.T) {
	for set, rows := range bySetting(httpRows(), func(r httpRow) setting { return r.set }) {
		t.Run(string(set), func(t *testing.T) {
			ours, stock := doors(t, set)
			for _, row := range rows {
				for _, s := range signals {
					t.Run(row.name+"/"+s.name, func(t *testing.T) {
						row.ask(t, ours, s, row.want)
						if row.stock != nil {
							assert.NotEmpty(t, row.why, "a difference has a reason")
							assert.NotEqual(t, row.want, *row.stock, "a difference is one")
							row.ask(t, stock, s, *row.stock)
							return
						}
						row.ask(t, stock, s, row.want)
					})
				}
			}
		})
	}
}

func (row httpRow) ask(t *testing.T, d door, s signal, want httpAnswer) {
	t.Helper()
	url := d.http + s.path
	if strings.HasPrefix(row.path, "/v1") {
		url = d.http
	}
	method := row.method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url+row.path, bytes.NewReader(row.body(t, s)))
	require.NoError(t, err)
	for key, value := range row.header {
		req.Header.Set(key, value)
	}
	if row.ctype != "" {
		req.Header.Set("Content-Type", row.ctype)
	}
	if row.encode != "" {
		req.Header.Set("Content-Encoding", row.encode)
	}
	resp, body := do(t, req)
	require.Equal(t, want.code, resp.StatusCode, "%s", body)
	ctype, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	assert.Equal(t, want.ctype, ctype)
	for key, value := range want.header {
		assert.Equal(t, value, resp.Header.Get(key), key)
	}
	switch {
	case want.status != codes.OK:
		st := decodeStatus(t, ctype, body)
		assert.Equal(t, want.status, codes.Code(st.GetCode()), "%s", body)
		assert.NotEmpty(t, st.GetMessage())
	case want.code == http.StatusOK && ctype == jsonType:
		assert.JSONEq(t, `{"partialSuccess":{}}`, string(body))
		assert.NoError(t, s.response().UnmarshalJSON(body))
	case want.code == http.StatusOK:
		assert.NoError(t, s.response().UnmarshalProto(body))
	case want.code >= 400:
		assert.NotEmpty(t, body)
	}
	assert.Equal(t, row.items, d.next.delivered())
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
		require.NoError(t, protojson.Unmarshal(body, st), "%s", body)
		return st
	}
	require.NoError(t, proto.Unmarshal(body, st), "%s", body)
	return st
}

// asBytes is a gRPC codec that sends bytes as they are.
type asBytes struct{}

func (asBytes) Name() string { return "proto" }

func (asBytes) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (asBytes) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// call sends a message of any bytes and returns the answer's.
func call(ctx context.Context, conn *grpc.ClientConn, method, encode string, body []byte) ([]byte, error) {
	opts := []grpc.CallOption{grpc.ForceCodecV2(asBytes{})}
	if encode != "" {
		opts = append(opts, grpc.UseCompressor(encode))
	}
	var answer []byte
	err := conn.Invoke(ctx, method, &body, &answer, opts...)
	return answer, err
}

func TestGRPCConformance(t *testing.T) {
	for set, rows := range bySetting(grpcRows(), func(r grpcRow) setting { return r.set }) {
		t.Run(string(set), func(t *testing.T) {
			ours, stock := doors(t, set)
			for _, row := range rows {
				for _, s := range signals {
					t.Run(row.name+"/"+s.name, func(t *testing.T) {
						row.ask(t, ours, s, row.want)
						if row.stock != nil {
							assert.NotEmpty(t, row.why, "a difference has a reason")
							assert.NotEqual(t, row.want, *row.stock, "a difference is one")
							row.ask(t, stock, s, *row.stock)
							return
						}
						row.ask(t, stock, s, row.want)
					})
				}
			}
		})
	}
}

func (row grpcRow) ask(t *testing.T, d door, s signal, want grpcAnswer) {
	t.Helper()
	ctx, method := t.Context(), s.method
	if row.method != "" {
		method = row.method
	}
	if row.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", row.token)
	}
	answer, err := call(ctx, d.grpc, method, row.encode, row.body(t, s))
	assert.Equal(t, want.code, status.Code(err), "%v", err)
	if err == nil {
		assert.NoError(t, s.response().UnmarshalProto(answer))
	}
	assert.Equal(t, row.items, d.next.delivered())
}

func TestPipelineErrorsReachTheSender(t *testing.T) {
	ours, stock := doors(t, plain)
	for _, row := range errorRows() {
		for _, s := range signals {
			t.Run(row.name+"/"+s.name, func(t *testing.T) {
				row.ask(t, ours, s, row)
				want := row
				if row.stock != nil {
					assert.NotEmpty(t, row.why, "a difference has a reason")
					want = *row.stock
				}
				row.ask(t, stock, s, want)
			})
		}
	}
}

func (row errorRow) ask(t *testing.T, d door, s signal, want errorRow) {
	t.Helper()
	d.next.refuse(row.err)
	_, err := call(t.Context(), d.grpc, s.method, "", oneItem(protobufType)(t, s))
	assert.Equal(t, want.grpc, status.Code(err))
	assert.Equal(t, want.retry, retryInfo(status.Convert(err)))

	for _, ctype := range []string{protobufType, jsonType} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http+s.path, bytes.NewReader(oneItem(ctype)(t, s)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", ctype)
		resp, body := do(t, req)
		assert.Equal(t, want.http, resp.StatusCode)
		assert.Equal(t, want.after, resp.Header.Get("Retry-After"))
		if want.http == http.StatusOK {
			continue
		}
		if want.json {
			ctype = jsonType
		}
		st := decodeStatus(t, ctype, body)
		assert.Equal(t, want.grpc, codes.Code(st.GetCode()))
		assert.Equal(t, want.retry, retryInfo(status.FromProto(st)))
	}
}

func retryInfo(st *status.Status) time.Duration {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
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
