// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package recorded reads what the collector's file exporter wrote.
package recorded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxLine bounds one line of a recording, which is one request.
const maxLine = 64 << 20

// Span is one recorded span with the resource it came from.
type Span struct {
	ptrace.Span
	Resource pcommon.Map
}

// Log is one recorded log record with its resource and the name of its scope.
type Log struct {
	plog.LogRecord
	Resource pcommon.Map
	Scope    string
}

// Spans returns all spans of a recording, none when it does not exist yet.
func Spans(path string) (spans []Span, err error) {
	unmarshal := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces
	err = each(path, unmarshal, func(td ptrace.Traces) { spans = AppendSpans(spans, td) })
	return spans, err
}

// AppendSpans appends the spans of one request.
func AppendSpans(spans []Span, td ptrace.Traces) []Span {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				spans = append(spans, Span{s, rs.Resource().Attributes()})
			}
		}
	}
	return spans
}

// Logs returns all records of a recording, none when it does not exist yet.
func Logs(path string) (logs []Log, err error) {
	unmarshal := (&plog.JSONUnmarshaler{}).UnmarshalLogs
	err = each(path, unmarshal, func(ld plog.Logs) {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					logs = append(logs, Log{r, rl.Resource().Attributes(), sl.Scope().Name()})
				}
			}
		}
	})
	return logs, err
}

// Point is one recorded point of a sum with the name of its metric and its resource.
type Point struct {
	pmetric.NumberDataPoint
	Metric   string
	Resource pcommon.Map
}

// Series names the series of the point: no other series has the same text.
func (p Point) Series() string {
	return fmt.Sprintf("%s %v %v", p.Metric, p.Resource.AsRaw(), p.Attributes().AsRaw())
}

// AppendPoints appends the points of all sums of one request.
func AppendPoints(points []Point, md pmetric.Metrics) []Point {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, p := range m.Sum().DataPoints().All() {
					points = append(points, Point{p, m.Name(), rm.Resource().Attributes()})
				}
			}
		}
	}
	return points
}

// MetricResources returns the resource of every recorded batch of metrics.
func MetricResources(path string) (resources []pcommon.Map, err error) {
	unmarshal := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics
	err = each(path, unmarshal, func(md pmetric.Metrics) {
		for _, rm := range md.ResourceMetrics().All() {
			resources = append(resources, rm.Resource().Attributes())
		}
	})
	return resources, err
}

// each decodes every complete line; the last one may still be being written.
func each[T any](path string, unmarshal func([]byte) (T, error), do func(T)) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		data, err := unmarshal(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		do(data)
	}
	return lines.Err()
}

// Text returns an attribute as text, empty when it is absent.
func Text(attrs pcommon.Map, key string) string {
	if v, ok := attrs.Get(key); ok {
		return v.AsString()
	}
	return ""
}
