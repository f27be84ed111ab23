// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// deepen fills a value with levels of arrays, or maps, within each other.
func deepen(v pcommon.Value, levels int, maps bool) {
	for range levels {
		if maps {
			v = v.SetEmptyMap().PutEmpty("k")
		} else {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}
}

type encodable interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// places are all the places of attribute values, and the number of messages
// around each.
var places = map[string]struct {
	around int
	make   func(func(pcommon.Value)) encodable
}{
	"resource": {4, func(fill func(pcommon.Value)) encodable {
		md := pmetric.NewMetrics()
		fill(md.ResourceMetrics().AppendEmpty().Resource().Attributes().PutEmpty("k"))
		return pmetricotlp.NewExportRequestFromMetrics(md)
	}},
	"scope": {5, func(fill func(pcommon.Value)) encodable {
		td := ptrace.NewTraces()
		fill(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Scope().Attributes().PutEmpty("k"))
		return ptraceotlp.NewExportRequestFromTraces(td)
	}},
	"metric": {5, metric(func(m pmetric.Metric) pcommon.Map { return m.Metadata() })},
	"gauge": {7, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes()
	})},
	"sum": {7, metric(func(m pmetric.Metric) pcommon.Map { return m.SetEmptySum().DataPoints().AppendEmpty().Attributes() })},
	"histogram": {7, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes()
	})},
	"exponential histogram": {7, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes()
	})},
	"summary": {7, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptySummary().DataPoints().AppendEmpty().Attributes()
	})},
	"exemplar of a number": {8, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyGauge().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
	})},
	"exemplar of a histogram": {8, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
	})},
	"exemplar of an exponential histogram": {8, metric(func(m pmetric.Metric) pcommon.Map {
		return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
	})},
	"span":   {5, span(func(s ptrace.Span) pcommon.Map { return s.Attributes() })},
	"event":  {6, span(func(s ptrace.Span) pcommon.Map { return s.Events().AppendEmpty().Attributes() })},
	"link":   {6, span(func(s ptrace.Span) pcommon.Map { return s.Links().AppendEmpty().Attributes() })},
	"record": {5, record(func(r plog.LogRecord) pcommon.Value { return r.Attributes().PutEmpty("k") })},
	"body":   {4, record(func(r plog.LogRecord) pcommon.Value { return r.Body() })},
}

func metric(attributes func(pmetric.Metric) pcommon.Map) func(func(pcommon.Value)) encodable {
	return func(fill func(pcommon.Value)) encodable {
		md := pmetric.NewMetrics()
		fill(attributes(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()).PutEmpty("k"))
		return pmetricotlp.NewExportRequestFromMetrics(md)
	}
}

func span(attributes func(ptrace.Span) pcommon.Map) func(func(pcommon.Value)) encodable {
	return func(fill func(pcommon.Value)) encodable {
		td := ptrace.NewTraces()
		fill(attributes(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()).PutEmpty("k"))
		return ptraceotlp.NewExportRequestFromTraces(td)
	}
}

func record(value func(plog.LogRecord) pcommon.Value) func(func(pcommon.Value)) encodable {
	return func(fill func(pcommon.Value)) encodable {
		ld := plog.NewLogs()
		fill(value(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()))
		return plogotlp.NewExportRequestFromLogs(ld)
	}
}

// Everywhere values may stand, exactly Max messages pass, in both encodings.
func TestEveryPlaceOfAttributeValuesIsBounded(t *testing.T) {
	for name, place := range places {
		for kind, per := range map[string]int{"arrays": 2, "maps": 3} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				// around messages have the value's own, each level per more.
				levels := (Max - place.around - 1) / per
				for levels, want := range map[int]error{0: nil, levels: nil, levels + 1: ErrTooDeep, 400: ErrTooDeep} {
					req := place.make(func(v pcommon.Value) { deepen(v, levels, kind == "maps") })
					if got := protobuf(req); !errors.Is(got, want) {
						t.Errorf("protobuf, %d levels: got %v, want %v", levels, got, want)
					}
					if got := JSON(must(req.MarshalJSON())); !errors.Is(got, want) {
						t.Errorf("JSON, %d levels: got %v, want %v", levels, got, want)
					}
				}
			})
		}
	}
}

// protobuf checks a request of any signal.
func protobuf(r encodable) error {
	body := must(r.MarshalProto())
	switch r.(type) {
	case pmetricotlp.ExportRequest:
		return Metrics(body)
	case ptraceotlp.ExportRequest:
		return Traces(body)
	default:
		return Logs(body)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Every place of a text takes what is UTF-8 and nothing else, in both encodings.
func TestEveryTextIsUTF8(t *testing.T) {
	for name, put := range texts() {
		t.Run(name, func(t *testing.T) {
			for text, want := range map[string]error{"": nil, "plain": nil, "Zürich 東京": nil, "\xff": ErrText, "half \xe6\x9d": ErrText} {
				req := put(text)
				if got := protobuf(req); !errors.Is(got, want) {
					t.Errorf("protobuf, %q: got %v, want %v", text, got, want)
				}
				body := bytes.ReplaceAll(must(put("@TEXT@").MarshalJSON()), []byte("@TEXT@"), []byte(text))
				if got := JSON(body); !errors.Is(got, want) {
					t.Errorf("JSON, %q: got %v, want %v", text, got, want)
				}
			}
		})
	}
}

// texts puts a text where texts may stand. What is no text may be any bytes.
func texts() map[string]func(string) encodable {
	all := map[string]func(string) encodable{
		"schema": func(s string) encodable {
			td := ptrace.NewTraces()
			td.ResourceSpans().AppendEmpty().SetSchemaUrl(s)
			return ptraceotlp.NewExportRequestFromTraces(td)
		},
		"schema of a scope": func(s string) encodable {
			ld := plog.NewLogs()
			ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().SetSchemaUrl(s)
			return plogotlp.NewExportRequestFromLogs(ld)
		},
		"scope": func(s string) encodable {
			md := pmetric.NewMetrics()
			scope := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope()
			scope.SetName(s)
			return pmetricotlp.NewExportRequestFromMetrics(md)
		},
		"version": func(s string) encodable {
			md := pmetric.NewMetrics()
			md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Scope().SetVersion(s)
			return pmetricotlp.NewExportRequestFromMetrics(md)
		},
	}
	one := func(name string, put func(pmetric.Metric, string)) {
		all[name] = func(s string) encodable {
			return metric(func(m pmetric.Metric) pcommon.Map { put(m, s); return m.Metadata() })(func(pcommon.Value) {})
		}
	}
	one("name", pmetric.Metric.SetName)
	one("unit", pmetric.Metric.SetUnit)
	one("description", pmetric.Metric.SetDescription)
	spans := func(name string, put func(ptrace.Span, string)) {
		all[name] = func(s string) encodable {
			return span(func(sp ptrace.Span) pcommon.Map {
				sp.SetTraceID([16]byte{0xff, 0xfe})
				sp.SetSpanID([8]byte{0xff, 0xfe})
				put(sp, s)
				return sp.Attributes()
			})(func(pcommon.Value) {})
		}
	}
	spans("span", ptrace.Span.SetName)
	spans("trace state", func(sp ptrace.Span, s string) { sp.TraceState().FromRaw(s) })
	spans("status", func(sp ptrace.Span, s string) { sp.Status().SetMessage(s) })
	spans("event", func(sp ptrace.Span, s string) { sp.Events().AppendEmpty().SetName(s) })
	spans("link", func(sp ptrace.Span, s string) {
		sp.Links().AppendEmpty().SetTraceID([16]byte{0xff})
		sp.Links().At(0).TraceState().FromRaw(s)
	})
	records := func(name string, put func(plog.LogRecord, string)) {
		all[name] = func(s string) encodable {
			return record(func(r plog.LogRecord) pcommon.Value {
				r.SetTraceID([16]byte{0xff, 0xfe})
				r.SetSpanID([8]byte{0xff, 0xfe})
				r.Attributes().PutEmptyBytes("bytes").FromRaw([]byte{0xff})
				put(r, s)
				return r.Body()
			})(func(pcommon.Value) {})
		}
	}
	records("severity", plog.LogRecord.SetSeverityText)
	records("event name", plog.LogRecord.SetEventName)
	records("key", func(r plog.LogRecord, s string) { r.Attributes().PutStr(s, "v") })
	records("array", func(r plog.LogRecord, s string) { r.Body().SetEmptySlice().AppendEmpty().SetStr(s) })
	records("map", func(r plog.LogRecord, s string) { r.Body().SetEmptyMap().PutEmptyMap("m").PutStr("k", s) })
	for name, place := range places {
		all["value of "+name] = func(s string) encodable { return place.make(func(v pcommon.Value) { v.SetStr(s) }) }
	}
	return all
}

func TestJSONLooksPastStrings(t *testing.T) {
	many := strings.Repeat("{[", 2*Max)
	for body, want := range map[string]error{
		`{"k":"` + many + `"}`:      nil,
		`{"k":"\"` + many + `"}`:    nil,
		`{"k":"\\"` + many:          ErrTooDeep,
		`{"k":"\\\"` + many + `"}`:  nil,
		`{"k":"` + many:             nil, // does not end, which the decoder says
		`"` + many:                  nil,
		`""` + many:                 ErrTooDeep,
		strings.Repeat("[", Max):    nil,
		strings.Repeat("[", Max+1):  ErrTooDeep,
		strings.Repeat("[]", 3*Max): nil,
	} {
		if got := JSON([]byte(body)); !errors.Is(got, want) {
			t.Errorf("%.40s: got %v, want %v", body, got, want)
		}
	}
}

// Tags and lengths may be written with more bytes than they need, and groups
// may stand around: a decoder reads the same.
func TestProtobufReadsWhatDecodersRead(t *testing.T) {
	long := func(v uint64) []byte {
		b := binary.AppendUvarint(nil, v)
		b[len(b)-1] |= 0x80
		return append(b, 0x80, 0)
	}
	deep := []byte{}
	for range Max {
		for _, field := range []uint64{1, 5} {
			deep = append(append(long(field<<3|2), long(uint64(len(deep)))...), deep...)
		}
	}
	group := binary.AppendUvarint(binary.AppendUvarint(nil, 99<<3|3), 99<<3|4)
	body := deep
	for _, field := range []uint64{2, 1, 1, 1} { // key value, attribute, resource, resource metrics
		body = append(append(slices.Clone(group), binary.AppendUvarint([]byte{byte(field<<3 | 2)}, uint64(len(body)))...), body...)
	}
	if err := Logs(body); !errors.Is(err, ErrTooDeep) {
		t.Errorf("got %v, want %v", err, ErrTooDeep)
	}
}

// What passes can be decoded with a bounded stack, and nothing makes the check
// itself fail.
func FuzzWhatPassesIsShallow(f *testing.F) {
	for _, place := range places {
		req := place.make(func(v pcommon.Value) { deepen(v, 2, true) })
		f.Add(must(req.MarshalProto()))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _, _ = JSON(body), Metrics(body), Traces(body)
		if Logs(body) != nil {
			return
		}
		req := plogotlp.NewExportRequest()
		if req.UnmarshalProto(body) != nil {
			return
		}
		for _, rl := range req.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					if d := depth(r.Body()); d > Max/2 {
						t.Fatalf("a body of %d levels passed", d)
					}
				}
			}
		}
	})
}

func depth(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for _, e := range v.Map().All() {
			deepest = max(deepest, 1+depth(e))
		}
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			deepest = max(deepest, 1+depth(e))
		}
	}
	return deepest
}

func BenchmarkAThousandPoints(b *testing.B) {
	md := pmetric.NewMetrics()
	points := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	for i := range 1000 {
		p := points.AppendEmpty()
		p.SetIntValue(int64(i))
		p.Attributes().PutStr("query.id", fmt.Sprint("query-", i))
		p.Attributes().PutStr("stream.name", "StockStream")
	}
	req := pmetricotlp.NewExportRequestFromMetrics(md)
	for name, run := range map[string]struct {
		check func([]byte) error
		body  []byte
	}{
		"protobuf": {Metrics, must(req.MarshalProto())}, "JSON": {JSON, must(req.MarshalJSON())},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(run.body)))
			for b.Loop() {
				if err := run.check(run.body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
		})
	}
}
