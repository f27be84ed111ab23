// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package logs writes EventFlux log records: one JSON object per line with the members timestamp, level, target,
// message, fields and span, or a line for human eyes.
//
// It is a slog.Handler and nothing more; the telemetry package adds the way out over OTLP.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// TargetKey is the reserved attribute that names the part of the engine that speaks, like "eventflux::query". It
// becomes a member of its own instead of a field. Below a group it is an attribute like any other.
const TargetKey = "target"

// Format is the shape of the lines.
type Format uint8

const (
	// JSON is one object per line, the default.
	JSON Format = iota
	// Pretty is for development: not meant to be parsed.
	Pretty
)

// ParseFormat reads "json" or "pretty", in any case.
func ParseFormat(s string) (Format, error) {
	switch strings.ToLower(s) {
	case "json":
		return JSON, nil
	case "pretty":
		return Pretty, nil
	default:
		return JSON, fmt.Errorf("unknown log format %q, want json or pretty", s)
	}
}

// Options configures a handler. The zero Options writes JSON from INFO up.
type Options struct {
	Level  slog.Leveler // lowest level written; nil means INFO
	Format Format
	Target string // target of records that name none
}

// NewHandler returns a handler that writes each record to w in one Write. Writes do not overlap, also between
// handlers derived from one another, so w needs no lock of its own. A record costs no allocation of its own for
// plain values.
func NewHandler(w io.Writer, opts Options) slog.Handler {
	if opts.Level == nil {
		opts.Level = slog.LevelInfo
	}
	h := &handler{out: newOutput(w), level: opts.Level, target: opts.Target, render: appendJSON}
	if opts.Format == Pretty {
		h.render = appendPretty
	}
	h.quote = opts.Format == JSON
	return h
}

// output is what derived handlers share.
type output struct {
	mu    sync.Mutex
	write func(level slog.Level, line []byte) error
}

// leveled is a writer that wants to know how important a line is.
type leveled interface {
	WriteLevel(level slog.Level, line []byte) error
}

func newOutput(w io.Writer) *output {
	if l, ok := w.(leveled); ok {
		return &output{write: l.WriteLevel}
	}
	return &output{write: func(_ slog.Level, line []byte) error {
		_, err := w.Write(line)
		return err
	}}
}

// handler is immutable after construction; With calls return changed copies.
type handler struct {
	out    *output
	level  slog.Leveler
	target string
	render func(buf []byte, l line) []byte
	quote  bool // fields are rendered as JSON

	fields []byte // rendered fields of WithAttrs
	prefix string // "group." of WithGroup
}

// line is one record on its way to bytes.
type line struct {
	record slog.Record
	target string
	fields []byte
	span   trace.SpanContext
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	scratch := getScratch()
	defer putScratch(scratch)

	l := line{record: r, target: h.target, span: trace.SpanContextFromContext(ctx)}
	fields := append(scratch.fields[:0], h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		if h.prefix == "" && a.Key == TargetKey {
			l.target = a.Value.Resolve().String()
			return true
		}
		fields = h.appendAttr(fields, h.prefix, a)
		return true
	})
	l.fields = fields
	buf := h.render(scratch.line[:0], l)
	scratch.fields, scratch.line = fields, buf

	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	return h.out.write(r.Level, buf)
}

// WithAttrs implements slog.Handler. The attributes are rendered here, once.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	if h.prefix == "" {
		var target string
		if target, attrs = SplitTarget(attrs); target != "" {
			next.target = target
		}
	}
	next.fields = slices.Clip(slices.Clone(h.fields))
	for _, a := range attrs {
		next.fields = h.appendAttr(next.fields, h.prefix, a)
	}
	return &next
}

// WithGroup implements slog.Handler. Groups become dotted prefixes of the field names.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.prefix += name + "."
	return &next
}

// SplitTarget takes the reserved attribute out of attrs. The target is empty if there is none; rest is attrs
// itself then.
func SplitTarget(attrs []slog.Attr) (target string, rest []slog.Attr) {
	isTarget := func(a slog.Attr) bool { return a.Key == TargetKey }
	i := slices.IndexFunc(attrs, isTarget)
	if i < 0 {
		return "", attrs
	}
	return attrs[i].Value.Resolve().String(), slices.DeleteFunc(slices.Clone(attrs), isTarget)
}

// scratch is the memory one Handle works in.
type scratch struct {
	fields []byte
	line   []byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch {
	return scratches.Get().(*scratch)
}

// maxScratch keeps one huge record from pinning its memory for ever.
const maxScratch = 64 << 10

func putScratch(s *scratch) {
	if cap(s.fields)+cap(s.line) <= maxScratch {
		scratches.Put(s)
	}
}
