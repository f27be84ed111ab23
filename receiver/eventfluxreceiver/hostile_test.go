// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// hostileLimit is the size limit of these tests; what one request may make
// the receiver allocate is bounded by a multiple of it.
const (
	hostileLimit = 1 << 20
	allocLimit   = 24 << 20
)

// zeros are megabytes that compress to next to nothing.
func zeros(t *testing.T, newWriter func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := newWriter(&buf)
	require.NoError(t, err)
	chunk := make([]byte, 1<<20)
	for range 16 {
		_, err = w.Write(chunk)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// bombs by Content-Encoding.
func bombs(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 19 << 3} // a window of 512 MiB
	window = append(window, 0x03, 0x00, 0x10, 0x00)         // a last block of the byte 0, 128 KiB times
	return map[string]map[string][]byte{
		"gzip": {"zeros": zeros(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, flate.BestSpeed) })},
		"zlib": {"zeros": zeros(t, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, flate.BestSpeed) })},
		"zstd": {"zeros": zeros(t, func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
		}), "window": window},
		"snappy":  {"length": binary.AppendUvarint(nil, 1<<32-1), "framed": zeros(t, func(w io.Writer) (io.WriteCloser, error) { return snappy.NewBufferedWriter(w), nil })},
		"deflate": {"zeros": zeros(t, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, flate.BestSpeed) })},
	}
}

// allocated returns what f made the process allocate.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// asIs is a connection whose messages say that they are compressed, and are what
// is sent.
func asIs(t *testing.T, b *bench, encode string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(b.receiver.server.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithCompressor(lying(encode))) //nolint:staticcheck // of one connection, while registered compressors are of the process
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

type lying string

func (l lying) Type() string { return string(l) }

func (lying) Do(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	return err
}

func TestCompressionBombsDoNotGoOff(t *testing.T) {
	p := &pipeline{}
	cfg := testConfig()
	cfg.Protocols.GRPC.Get().MaxRecvMsgSizeMiB = hostileLimit >> 20
	cfg.Protocols.HTTP.Get().Server.MaxRequestBodySize = hostileLimit
	b := start(t, cfg, p.sinks(t))
	conn := b.dial(t)
	for encode, kinds := range bombs(t) {
		for kind, bomb := range kinds {
			t.Run("http/"+encode+"/"+kind, func(t *testing.T) {
				got := allocated(func() {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
						"http://"+b.receiver.server.HTTPAddr.String()+"/v1/metrics", bytes.NewReader(bomb))
					require.NoError(t, err)
					req.Header.Set("Content-Type", protobufType)
					req.Header.Set("Content-Encoding", encode)
					resp, body := do(t, req)
					assert.Contains(t, []int{400, 413}, resp.StatusCode)
					assert.Equal(t, codes.InvalidArgument, codes.Code(decodeStatus(t, protobufType, body).GetCode()), "%s", body)
				})
				assert.Less(t, got, uint64(allocLimit))
			})
			if encode == "zlib" || encode == "deflate" || kind == "length" {
				continue // not of gRPC
			}
			t.Run("grpc/"+encode+"/"+kind, func(t *testing.T) {
				got := allocated(func() {
					_, err := call(t.Context(), asIs(t, b, encode), signals[0].method, "", bomb)
					assert.Contains(t, []codes.Code{codes.ResourceExhausted, codes.Internal}, status.Code(err), "%v", err)
				})
				assert.Less(t, got, uint64(allocLimit))
			})
		}
	}
	assert.Zero(t, p.delivered())
	export(t, conn, engineMetrics(nil)) // it still serves
	assert.Equal(t, 2, p.delivered())
}

// deepValues is a request for logs whose body has levels of arrays in it.
func deepValues(levels int) []byte {
	var headers [][]byte
	size := 0
	wrap := func(field byte) {
		h := binary.AppendUvarint([]byte{field<<3 | 2}, uint64(size))
		headers = append(headers, h)
		size += len(h)
	}
	for range levels {
		wrap(1)
		wrap(5)
	}
	for _, field := range []byte{5, 2, 2, 1} { // body, record, scope, resource
		wrap(field)
	}
	slices.Reverse(headers)
	return bytes.Join(headers, nil)
}

func deepJSON(levels int) []byte {
	return []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` +
		strings.Repeat(`{"arrayValue":{"values":[`, levels) + `{}` + strings.Repeat(`]}}`, levels) + `}]}]}]}`)
}

// A decoder that recurses two million times ends the process.
func TestDeepValuesAreRefused(t *testing.T) {
	p := &pipeline{}
	b := start(t, testConfig(), p.sinks(t))
	conn, logs := b.dial(t), signals[2]
	for name, body := range map[string][]byte{protobufType: deepValues(1_900_000), jsonType: deepJSON(600_000)} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
				"http://"+b.receiver.server.HTTPAddr.String()+logs.path, bytes.NewReader(gzipped(t, body)))
			require.NoError(t, err)
			req.Header.Set("Content-Type", name)
			req.Header.Set("Content-Encoding", "gzip")
			resp, answer := do(t, req)
			assert.Equal(t, 400, resp.StatusCode)
			assert.Contains(t, decodeStatus(t, name, answer).GetMessage(), "nested more than 100 deep")
		})
	}
	for _, encode := range []string{"", "gzip", "zstd", "snappy"} {
		_, err := call(t.Context(), conn, logs.method, encode, deepValues(400_000))
		assert.Equal(t, codes.Internal, status.Code(err))
		assert.ErrorContains(t, err, "nested more than 100 deep")
	}
	assert.Zero(t, p.delivered())
	_, err := call(t.Context(), conn, logs.method, "", deepValues(40))
	assert.NoError(t, err, "what backends take passes")
	assert.Equal(t, 1, p.delivered())
}

// pdata takes such a text, and a backend would refuse the whole batch for it.
func TestTextsThatAreNotUTF8AreRefused(t *testing.T) {
	p := &pipeline{}
	b := start(t, testConfig(), p.sinks(t))
	conn := b.dial(t)
	for _, s := range signals {
		protobuf, json := s.request()
		for ctype, encode := range map[string]func() ([]byte, error){protobufType: protobuf, jsonType: json} {
			t.Run(s.name+"/"+ctype, func(t *testing.T) {
				body, err := encode()
				require.NoError(t, err)
				for _, text := range []string{"eventflux.uptime", "query", "started"} {
					body = bytes.ReplaceAll(body, []byte(text), append([]byte(text[1:]), 0xff))
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
					"http://"+b.receiver.server.HTTPAddr.String()+s.path, bytes.NewReader(body))
				require.NoError(t, err)
				req.Header.Set("Content-Type", ctype)
				resp, answer := do(t, req)
				assert.Equal(t, 400, resp.StatusCode)
				assert.Contains(t, decodeStatus(t, ctype, answer).GetMessage(), "is not UTF-8")
				if ctype == protobufType {
					_, err = call(t.Context(), conn, s.method, "", body)
					assert.Equal(t, codes.Internal, status.Code(err))
					assert.ErrorContains(t, err, "is not UTF-8")
				}
				assert.Zero(t, p.delivered())
			})
		}
	}
}

// http2Preface and empty settings are how a client begins.
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// Connections that only stand there cost little, and leave others alone.
func TestManyIdleConnections(t *testing.T) {
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	n := int(min(10_000, (files.Cur-500)/2)) // both ends are in this process
	p := &pipeline{}
	b := start(t, testConfig(), p.sinks(t))
	addrs := []string{b.receiver.server.GRPCAddr.String(), b.receiver.server.HTTPAddr.String()}
	conn := b.dial(t)
	export(t, conn, engineMetrics(nil))
	p.delivered()

	heap, goroutines := heapNow(), runtime.NumGoroutine()
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for i := range n {
		c, err := net.Dial("tcp", addrs[i%2])
		require.NoError(t, err)
		idle = append(idle, c)
		switch i % 4 {
		case 0: // a client of gRPC without a request
			_, err = io.WriteString(c, http2Preface)
			require.NoError(t, err)
			_, err = io.ReadFull(c, make([]byte, 9)) // the server's settings
			require.NoError(t, err)
		case 1: // half of a header
			_, err = io.WriteString(c, "POST /v1/metrics HTTP/1.1\r\nHost:")
			require.NoError(t, err)
		}
	}
	export(t, conn, engineMetrics(nil))
	assert.Equal(t, 2, p.delivered(), "others are served")
	t.Logf("%d connections: %d KiB and %.1f goroutines each", n, (heapNow()-heap)>>10/uint64(n), float64(runtime.NumGoroutine()-goroutines)/float64(n))
	assert.LessOrEqual(t, heapNow()-heap, uint64(n)*64<<10)
	assert.LessOrEqual(t, runtime.NumGoroutine()-goroutines, 3*n)
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestSlowSendersAreLetGo(t *testing.T) {
	p := &pipeline{}
	cfg := testConfig()
	cfg.Protocols.HTTP.Get().Server.ReadHeaderTimeout = 200 * time.Millisecond
	cfg.Protocols.HTTP.Get().Server.ReadTimeout = 400 * time.Millisecond
	b := start(t, cfg, p.sinks(t))
	for name, tt := range map[string]struct{ begin, answer string }{
		"header": {"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-", ""}, // net/http closes without a word
		"body": {
			"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"503 Service Unavailable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var slow []net.Conn
			for range 50 {
				c, err := net.Dial("tcp", b.receiver.server.HTTPAddr.String())
				require.NoError(t, err)
				defer func() { _ = c.Close() }()
				_, err = io.WriteString(c, tt.begin)
				require.NoError(t, err)
				slow = append(slow, c)
			}
			overGRPC, overHTTP := send(t, b, nil, nil)
			require.NoError(t, overGRPC)
			require.NoError(t, overHTTP)
			assert.Equal(t, 4, p.delivered(), "others are served")
			for _, c := range slow {
				answer, err := io.ReadAll(c) // ends when the server closes
				require.NoError(t, err)
				assert.Contains(t, string(answer), tt.answer)
			}
		})
	}
}

// Whatever comes in, the answer is one of OTLP, and only what was accepted
// arrives.
func FuzzBothDecodersThroughTheFront(f *testing.F) {
	p := &pipeline{}
	next := p.sinks(f)
	cfg := testConfig()
	cfg.HealthExtension = nil
	cfg.Protocols.HTTP.Get().Server.MaxRequestBodySize = hostileLimit
	factory := NewFactory()
	set := receivertest.NewNopSettings(factory.Type())
	m, err := factory.CreateMetrics(f.Context(), set, cfg, next.metrics)
	require.NoError(f, err)
	_, err = factory.CreateTraces(f.Context(), set, cfg, next.traces)
	require.NoError(f, err)
	_, err = factory.CreateLogs(f.Context(), set, cfg, next.logs)
	require.NoError(f, err)
	require.NoError(f, m.Start(context.Background(), fakeHost{}))
	f.Cleanup(func() { assert.NoError(f, m.Shutdown(context.Background())) })
	srv := m.(*eventfluxReceiver).server
	conn, err := grpc.NewClient(srv.GRPCAddr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })

	for i, s := range signals {
		protobuf, json := s.request()
		for _, encode := range []func() ([]byte, error){protobuf, json} {
			body, err := encode()
			require.NoError(f, err)
			f.Add(body, byte(i), byte(0))
		}
	}
	f.Add(deepValues(200), byte(2), byte(0))
	f.Add(deepJSON(200), byte(2), byte(0))
	encodings := []string{"", "gzip", "zstd", "snappy", "zlib"}
	f.Fuzz(func(t *testing.T, body []byte, signal, encode byte) {
		s := signals[int(signal)%len(signals)]
		for _, ctype := range []string{protobufType, jsonType} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+srv.HTTPAddr.String()+s.path, bytes.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", ctype)
			req.Header.Set("Content-Encoding", encodings[int(encode)%len(encodings)])
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, ctype, resp.Header.Get("Content-Type"))
			if resp.StatusCode == http.StatusOK {
				p.delivered()
				continue
			}
			require.Contains(t, []int{400, 413}, resp.StatusCode)
			require.Equal(t, codes.InvalidArgument, codes.Code(decodeStatus(t, ctype, answer).GetCode()))
			require.Zero(t, p.delivered())
		}
		if _, err := call(t.Context(), conn, s.method, "", body); err != nil {
			require.Equal(t, codes.Internal, status.Code(err), "%v", err)
			require.Zero(t, p.delivered())
		}
		p.delivered()
	})
}
