// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"google.golang.org/grpc"
	grpcencoding "google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/wire"
)

// What a few bytes of a sender could make the collector allocate or recurse
// into is refused here, before configgrpc and confighttp see it.

// guardGRPC are the options of a gRPC server for that.
func guardGRPC(cfg *configgrpc.ServerConfig) ([]configgrpc.ToServerOption, error) {
	limit := 4 << 20 // gRPC's own
	if cfg.MaxRecvMsgSizeMiB > 0 {
		limit = cfg.MaxRecvMsgSizeMiB << 20
	}
	decoder, err := newZstd(limit)
	if err != nil {
		return nil, err
	}
	return []configgrpc.ToServerOption{
		configgrpc.WithGrpcServerOption(grpc.ForceServerCodecV2(codec{grpcencoding.GetCodecV2("proto")})),
		//nolint:staticcheck // SA1019: the other way to register one is for the whole process
		configgrpc.WithGrpcServerOption(grpc.RPCDecompressor(grpcZstd{decoder})),
	}, nil
}

// guardHTTP are the options of an HTTP server for that. A decoder that is given
// is also switched on.
func guardHTTP(cfg *confighttp.ServerConfig) ([]confighttp.ToServerOption, error) {
	if cfg.CompressionAlgorithms != nil && !slices.Contains(cfg.CompressionAlgorithms, "zstd") {
		return nil, nil
	}
	limit := 20 << 20 // confighttp's own
	if cfg.MaxRequestBodySize > 0 {
		limit = int(cfg.MaxRequestBodySize)
	}
	decoder, err := newZstd(limit)
	if err != nil {
		return nil, err
	}
	return []confighttp.ToServerOption{confighttp.WithDecoder("zstd", decoder.reader)}, nil
}

// codec looks at messages before it decodes them.
type codec struct{ grpcencoding.CodecV2 }

// whole is where messages are put together.
var whole buffers

// checks by the name of the message, which is the protocol's. The types that
// pdata decodes into cannot be named.
var checks = map[string]func([]byte) error{
	"ExportMetricsServiceRequest": wire.Metrics,
	"ExportTraceServiceRequest":   wire.Traces,
	"ExportLogsServiceRequest":    wire.Logs,
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	check, ok := checks[reflect.TypeOf(v).Elem().Name()]
	if !ok { // of another service, such as health
		return c.CodecV2.Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(&whole)
	defer buf.Free()
	if err := check(buf.ReadOnlyData()); err != nil {
		return err
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{buf}, v)
}

// wholeZstd decodes whole messages. A decoder of streams allocates the window
// that the message names, which may be 512 MiB in a message of 15 bytes.
type wholeZstd struct {
	decoder *zstd.Decoder
	limit   int
}

func newZstd(limit int) (wholeZstd, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(limit)))
	if err != nil {
		return wholeZstd{}, fmt.Errorf("zstd: %w", err)
	}
	return wholeZstd{d, limit}, nil
}

// decode returns a [http.MaxBytesError] for what is larger than the limit.
func (z wholeZstd) decode(r io.Reader) ([]byte, error) {
	compressed, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	b, err := z.decoder.DecodeAll(compressed, nil)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, &http.MaxBytesError{Limit: int64(z.limit)}
	}
	return b, err
}

// reader is a decoder of confighttp.
func (z wholeZstd) reader(body io.ReadCloser) (io.ReadCloser, error) {
	b, err := z.decode(body)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

type grpcZstd struct{ wholeZstd }

// Type implements grpc.Decompressor.
func (grpcZstd) Type() string { return "zstd" }

// Do implements grpc.Decompressor, which sees from the length of what comes
// back that a message is larger than the limit.
func (z grpcZstd) Do(r io.Reader) ([]byte, error) {
	b, err := z.decode(r)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return make([]byte, z.limit+1), nil
	}
	return b, err
}
