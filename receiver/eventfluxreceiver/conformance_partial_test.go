// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// partial is what the partial_success of an answer says, the zero one where it
// says nothing.
type partial struct {
	items   int64
	message string
}

// partialRow is a request of an engine and how much of it is told to be rejected.
// The stock receiver, which has no contract, takes all of it and tells nothing.
type partialRow struct {
	name string
	set  setting
	// wrong and right say which items are in the request: one that breaks the
	// conventions, one that does not.
	wrong, right bool
	want         map[string]partial // by signal
	delivered    int
}

func partialRows() []partialRow {
	told := map[string]partial{"metrics": {1, wantMetrics}, "traces": {1, wantSpans}, "logs": {1, wantRecords}}
	return []partialRow{
		{name: "half of it breaks the conventions", set: rejecting, wrong: true, right: true, want: told, delivered: 1},
		{name: "all of it breaks the conventions", set: rejecting, wrong: true, want: told},
		{name: "nothing breaks the conventions", set: rejecting, right: true, delivered: 1},
		{name: "what breaks the conventions may pass", wrong: true, right: true, delivered: 2},
	}
}

type otlpRequest interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// request returns what the row sends of a signal.
func (row partialRow) request(s signal) otlpRequest {
	out := func(wrong bool) bool { return wrong && !row.wrong || !wrong && !row.right }
	switch s.name {
	case "metrics":
		md := halfWrongMetrics()
		md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool {
			return out(m.Name() == metricStreamReceived)
		})
		return pmetricotlp.NewExportRequestFromMetrics(md)
	case "traces":
		td := halfWrongSpans()
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(s ptrace.Span) bool {
			return out(s.Name() == "query.execute top")
		})
		return ptraceotlp.NewExportRequestFromTraces(td)
	default:
		ld := halfWrongRecords()
		ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(r plog.LogRecord) bool {
			return out(r.EventName() != "")
		})
		return plogotlp.NewExportRequestFromLogs(ld)
	}
}

func partialOf(t *testing.T, response any) partial {
	t.Helper()
	switch r := response.(type) {
	case pmetricotlp.ExportResponse:
		return partial{r.PartialSuccess().RejectedDataPoints(), r.PartialSuccess().ErrorMessage()}
	case ptraceotlp.ExportResponse:
		return partial{r.PartialSuccess().RejectedSpans(), r.PartialSuccess().ErrorMessage()}
	case plogotlp.ExportResponse:
		return partial{r.PartialSuccess().RejectedLogRecords(), r.PartialSuccess().ErrorMessage()}
	default:
		require.Fail(t, "no response of OTLP", "%T", response)
		return partial{}
	}
}

// asJSON is how OTLP spells it, with 64-bit numbers as text.
func (p partial) asJSON(t *testing.T, s signal) string {
	t.Helper()
	says := map[string]any{}
	if p.items > 0 {
		key := map[string]string{"metrics": "rejectedDataPoints", "traces": "rejectedSpans", "logs": "rejectedLogRecords"}[s.name]
		says[key], says["errorMessage"] = strconv.FormatInt(p.items, 10), p.message
	}
	text, err := json.Marshal(map[string]any{"partialSuccess": says})
	require.NoError(t, err)
	return string(text)
}

func TestPartialSuccessConformance(t *testing.T) {
	for set, rows := range bySetting(partialRows(), func(r partialRow) setting { return r.set }) {
		t.Run(string(set), func(t *testing.T) {
			ours, stock := doors(t, set)
			export(t, ours.grpc, engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"}))
			ours.next.delivered() // the spans of an engine are checked, not those of anyone
			for _, row := range rows {
				for _, s := range signals {
					t.Run(row.name+"/"+s.name, func(t *testing.T) {
						row.ask(t, ours, s, row.want[s.name], row.delivered)
						all := 0
						for _, there := range []bool{row.wrong, row.right} {
							if there {
								all++
							}
						}
						row.ask(t, stock, s, partial{}, all)
					})
				}
			}
		})
	}
}

func (row partialRow) ask(t *testing.T, d door, s signal, want partial, delivered int) {
	t.Helper()
	body, err := row.request(s).MarshalProto()
	require.NoError(t, err)
	answer, err := call(t.Context(), d.grpc, s.method, "", body)
	require.NoError(t, err, "a rejection is a success")
	response := s.response()
	require.NoError(t, response.UnmarshalProto(answer))
	assert.Equal(t, want, partialOf(t, response), "gRPC")
	assert.Equal(t, delivered, d.next.delivered())

	for _, ctype := range []string{protobufType, jsonType} {
		if ctype == jsonType {
			body, err = row.request(s).MarshalJSON()
			require.NoError(t, err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.http+s.path, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", ctype)
		resp, answer := do(t, req)
		require.Equal(t, http.StatusOK, resp.StatusCode, "a rejection is a success")
		response := s.response()
		if ctype == jsonType {
			assert.JSONEq(t, want.asJSON(t, s), string(answer))
			require.NoError(t, response.UnmarshalJSON(answer))
		} else {
			require.NoError(t, response.UnmarshalProto(answer))
		}
		assert.Equal(t, want, partialOf(t, response), ctype)
		assert.Equal(t, delivered, d.next.delivered())
	}
}
