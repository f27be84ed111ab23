// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// The buffer of a request is used again while its data is on the way.
func TestDecodedDataDoesNotLieInTheBody(t *testing.T) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl("schema")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTraceID([16]byte{1, 2, 3})
	r.SetEventName("event")
	r.Body().SetStr("a text with an escape \" and more")
	r.Attributes().PutStr("key", "value")
	r.Attributes().PutEmptyBytes("bytes").FromRaw([]byte("some bytes"))
	r.Attributes().PutEmptySlice("slice").AppendEmpty().SetStr("in a slice")
	req := plogotlp.NewExportRequestFromLogs(ld)

	for ctype, marshal := range map[string]func() ([]byte, error){protobufType: req.MarshalProto, jsonType: req.MarshalJSON} {
		t.Run(ctype, func(t *testing.T) {
			body, err := marshal()
			require.NoError(t, err)
			got := plogotlp.NewExportRequest()
			require.NoError(t, encodings[ctype].unmarshal(got, body))
			for i := range body {
				body[i] = 'x'
			}
			again, err := got.MarshalProto()
			require.NoError(t, err)
			want, err := req.MarshalProto()
			require.NoError(t, err)
			assert.Equal(t, want, again)
		})
	}
}

func TestAContentLengthAloneAllocatesLittle(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/v1/logs", bytes.NewReader(nil))
	r.ContentLength = 1 << 40
	code, err := decode(r, encodings[protobufType], plogotlp.NewExportRequest())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	assert.LessOrEqual(t, bodies.Get().(*bytes.Buffer).Cap(), 2*keptBody)
}
