// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"mime"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/wire"
)

// The two encodings of OTLP/HTTP.
const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// otlpRequest and otlpResponse are what the messages of pdata's otlp packages
// have in common.
type otlpRequest interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

type otlpResponse interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// encoding is one of the two encodings, chosen by the request's Content-Type
// and used for the answer too.
type encoding struct {
	contentType string
	unmarshal   func(otlpRequest, []byte) error
	marshal     func(otlpResponse) ([]byte, error)
	status      func(*spb.Status) ([]byte, error)
}

var encodings = map[string]encoding{
	protobufType: {
		contentType: protobufType,
		unmarshal:   checked(protobuf, otlpRequest.UnmarshalProto),
		marshal:     func(r otlpResponse) ([]byte, error) { return r.MarshalProto() },
		status:      func(s *spb.Status) ([]byte, error) { return proto.Marshal(s) },
	},
	jsonType: {
		contentType: jsonType,
		unmarshal:   checked(func(_ otlpRequest, b []byte) error { return wire.JSON(b) }, otlpRequest.UnmarshalJSON),
		marshal:     func(r otlpResponse) ([]byte, error) { return r.MarshalJSON() },
		status:      func(s *spb.Status) ([]byte, error) { return protojson.Marshal(s) },
	},
}

// checked is a decoder that looks first at what decoders take and should not.
func checked(check, decode func(otlpRequest, []byte) error) func(otlpRequest, []byte) error {
	return func(r otlpRequest, b []byte) error {
		if err := check(r, b); err != nil {
			return err
		}
		return decode(r, b)
	}
}

func protobuf(r otlpRequest, b []byte) error {
	switch r.(type) {
	case pmetricotlp.ExportRequest:
		return wire.Metrics(b)
	case ptraceotlp.ExportRequest:
		return wire.Traces(b)
	default:
		return wire.Logs(b)
	}
}

// encodingOf returns the encoding that a Content-Type header names.
func encodingOf(header string) (encoding, bool) {
	mediaType, _, err := mime.ParseMediaType(header)
	if err != nil {
		return encoding{}, false
	}
	enc, ok := encodings[mediaType]
	return enc, ok
}
