// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/fold"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

const snapshotVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the whole ledger to dst: overflow series with their totals and windows,
// sources with how far they had come, and what waits to be written. Ages of sources are
// kept relative to now.
func (l *Ledger) Append(dst []byte, now pcommon.Timestamp) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := len(dst)
	for i := range l.waiting.entries { // a stream may have been forgotten on the way to its deposit
		e := &l.waiting.entries[i]
		e.stream = l.current(e.stream)
	}
	w := encoder{dst: dst}
	w.number(snapshotVersion)
	w.number(uint64(l.floor))
	w.number(uint64(len(l.streams)))
	number := make(map[*stream]uint64, len(l.streams))
	for _, s := range l.streams {
		number[s] = uint64(len(number))
		w.stream(s)
	}
	w.number(uint64(l.sources.len()))
	for i := range l.sources.slots {
		if s := &l.sources.slots[i]; s.stream != nil {
			w.fixed(s.fingerprint)
			w.number(number[s.stream])
			w.number(uint64(s.at))
			w.number(uint64(now - min(s.used, now)))
			w.value(&s.last)
		}
	}
	w.number(uint64(len(l.waiting.entries)))
	for i := range l.waiting.entries {
		e := &l.waiting.entries[i]
		w.number(number[e.stream])
		w.value(&e.value)
	}
	w.number(uint64(len(l.promoted)))
	for fingerprint, p := range l.promoted {
		w.fixed(fingerprint)
		w.form(p.form)
		w.number(uint64(p.from))
		w.number(uint64(now - min(p.used, now)))
		w.value(&p.base)
		w.value(&p.last)
	}
	if w.err != nil {
		return dst, w.err
	}
	return binary.LittleEndian.AppendUint32(w.dst, crc32.Checksum(w.dst[from:], castagnoli)), nil
}

// Load fills an empty ledger from what Append wrote. Unless it was written when all had
// come to rest, what totals counted since is not known: sources then go on from where they
// were, and totals begin anew at now, as series that the caller gives another identity.
// Anything that is not a whole snapshot is an error that leaves the ledger empty.
func (l *Ledger) Load(src []byte, atRest bool, now pcommon.Timestamp) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.load(src, atRest, now)
	if err != nil {
		l.streams, l.groups, l.sources = map[uint64]*stream{}, map[uint64]int{}, newSources()
		l.changed, l.waiting, l.promoted = nil, sheet{}, map[uint64]*promoted{}
		l.promotions.Store(0)
	}
	return err
}

func (l *Ledger) load(src []byte, atRest bool, now pcommon.Timestamp) error {
	if len(src) < 4 {
		return errors.New("snapshot is cut off")
	}
	body, sum := src[:len(src)-4], binary.LittleEndian.Uint32(src[len(src)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return errors.New("snapshot is damaged: its checksum is wrong")
	}
	r := decoder{src: body}
	if v := r.number(); v != snapshotVersion {
		return fmt.Errorf("snapshot has version %d, want %d", v, snapshotVersion)
	}
	l.floor = max(l.floor, pcommon.Timestamp(r.number()))
	var streams []*stream // more of them than the limit, should it have been lowered, until they expire
	for range r.count() {
		s := r.stream()
		if r.err != nil {
			return r.err
		}
		s.used = now
		if !atRest {
			s.begin(l.floor)
		}
		l.streams[s.key] = s
		l.groups[s.group]++
		if s.pending > 0 {
			l.changed = append(l.changed, s)
		}
		streams = append(streams, s)
	}
	if err := l.loadSources(&r, streams, now); err != nil {
		return err
	}
	for range r.count() {
		stream, value := r.pick(streams), r.value()
		if r.err != nil {
			return r.err
		}
		l.waiting.add(stream).value = value
	}
	for range r.count() {
		fingerprint := r.fixed()
		p := &promoted{form: r.form(), from: pcommon.Timestamp(r.number())}
		p.used = now - min(pcommon.Timestamp(r.number()), now)
		p.base, p.last = r.value(), r.value()
		if r.err != nil {
			return r.err
		}
		l.promoted[fingerprint] = p
	}
	l.promotions.Store(int64(len(l.promoted)))
	if len(r.src) > 0 {
		return fmt.Errorf("snapshot has %d bytes too many", len(r.src))
	}
	return r.err
}

func (l *Ledger) loadSources(r *decoder, streams []*stream, now pcommon.Timestamp) error {
	for range r.count() {
		fingerprint := r.fixed()
		stream, at, age, last := r.pick(streams), r.number(), r.number(), r.value()
		if r.err != nil {
			return r.err
		}
		if l.sources.len() >= l.limits.Sources {
			continue // the limit was lowered: the source begins with a baseline
		}
		src := l.sources.add(fingerprint)
		src.stream, src.at, src.last = stream, pcommon.Timestamp(at), last
		src.used = now - min(pcommon.Timestamp(age), now)
		stream.sources++
	}
	return nil
}

// begin makes a stream a new one, which knows nothing of what it had written. A level is
// what its sources stand at, whatever was written.
func (s *stream) begin(at pcommon.Timestamp) {
	s.start, s.delivered, s.written, s.pending = at, at, at, 0
	if !s.form.Level() {
		s.total = fold.Value{}
	}
}

// encoder appends numbers, text and values.
type encoder struct {
	dst []byte
	err error
}

func (w *encoder) number(n uint64) { w.dst = binary.AppendUvarint(w.dst, n) }
func (w *encoder) fixed(n uint64)  { w.dst = binary.LittleEndian.AppendUint64(w.dst, n) }
func (w *encoder) value(v *fold.Value) {
	w.bytes(v.Append(nil))
}

func (w *encoder) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.dst = append(w.dst, b...)
}

func (w *encoder) stream(s *stream) {
	w.fixed(s.key)
	w.fixed(s.group)
	w.form(s.form)
	for _, n := range []uint64{uint64(s.start), uint64(s.delivered), uint64(s.written), uint64(s.pending)} {
		w.number(n)
	}
	w.value(&s.total)
	w.fixed(s.Tenant.Key)
	w.bytes([]byte(s.Tenant.Name))
	w.bytes([]byte(s.Folded))
	described, err := new(pmetric.ProtoMarshaler).MarshalMetrics(describe(&s.Series))
	w.err = errors.Join(w.err, err)
	w.bytes(described)
}

func (w *encoder) form(f fold.Form) {
	for _, n := range []uint64{uint64(f.Type), flag(f.Cumulative), flag(f.Monotonic), uint64(f.Gauge)} {
		w.number(n)
	}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// describe puts what a series looks like into metrics data, which knows how to keep it.
func describe(s *Series) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for _, a := range s.Tenant.Attributes {
		rm.Resource().Attributes().PutStr(a.Key, a.Value)
	}
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(s.Name)
	m.SetDescription(s.Description)
	m.SetUnit(s.Unit)
	s.Attributes.CopyTo(m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes())
	return md
}

// decoder takes them apart again. After the first error everything is zero.
type decoder struct {
	src []byte
	err error
}

var errCutOff = errors.New("snapshot is cut off")

func (r *decoder) number() uint64 {
	n, size := binary.Uvarint(r.src)
	if size <= 0 {
		return r.fail()
	}
	r.src = r.src[size:]
	return n
}

// count reads the number of things that follow, each of which takes at least a byte.
func (r *decoder) count() int {
	n := r.number()
	if n > uint64(len(r.src)) {
		return int(r.fail())
	}
	return int(n)
}

func (r *decoder) fixed() uint64 {
	if len(r.src) < 8 {
		return r.fail()
	}
	n := binary.LittleEndian.Uint64(r.src)
	r.src = r.src[8:]
	return n
}

func (r *decoder) bytes() []byte {
	n := r.count()
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *decoder) fail() uint64 {
	if r.err == nil {
		r.err = errCutOff
	}
	r.src = nil
	return 0
}

func (r *decoder) value() fold.Value {
	b := r.bytes()
	if r.err != nil {
		return fold.Value{}
	}
	v, rest, err := fold.Decode(b)
	if err == nil && len(rest) > 0 {
		err = errCutOff
	}
	if err != nil {
		r.err = fmt.Errorf("snapshot has a value that cannot be: %w", err)
	}
	return v
}

func (r *decoder) pick(streams []*stream) *stream {
	n := r.number()
	if n >= uint64(len(streams)) {
		r.fail()
		return nil
	}
	return streams[n]
}

func (r *decoder) form() fold.Form {
	f := fold.Form{
		Type:       pmetric.MetricType(r.number()),
		Cumulative: r.number() > 0,
		Monotonic:  r.number() > 0,
		Gauge:      fold.GaugeFold(r.number()),
	}
	if r.err == nil && !foldable(f) {
		r.err = errors.New("snapshot has points of a type that does not fold")
	}
	return f
}

func (r *decoder) stream() *stream {
	s := &stream{key: r.fixed(), group: r.fixed(), form: r.form()}
	s.start, s.delivered, s.written = pcommon.Timestamp(r.number()), pcommon.Timestamp(r.number()), pcommon.Timestamp(r.number())
	s.pending = int(r.number())
	s.total = r.value()
	s.Tenant = &tenant.Tenant{Key: r.fixed(), Name: string(r.bytes())}
	s.Folded = string(r.bytes())
	described := r.bytes()
	if r.err != nil {
		return nil
	}
	md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(described)
	if err != nil || !isDescription(md) {
		r.err = errors.Join(errors.New("snapshot has a series that cannot be"), err)
		return nil
	}
	rm := md.ResourceMetrics().At(0)
	for key, value := range rm.Resource().Attributes().All() {
		s.Tenant.Attributes = append(s.Tenant.Attributes, tenant.Attribute{Key: key, Value: value.Str()})
	}
	m := rm.ScopeMetrics().At(0).Metrics().At(0)
	s.Name, s.Description, s.Unit = m.Name(), m.Description(), m.Unit()
	s.Attributes = m.Gauge().DataPoints().At(0).Attributes()
	return s
}

// isDescription reports whether md has the shape that describe makes.
func isDescription(md pmetric.Metrics) bool {
	if md.ResourceMetrics().Len() != 1 || md.ResourceMetrics().At(0).ScopeMetrics().Len() != 1 {
		return false
	}
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	return metrics.Len() == 1 && metrics.At(0).Type() == pmetric.MetricTypeGauge && metrics.At(0).Gauge().DataPoints().Len() == 1
}

func foldable(f fold.Form) bool {
	return f.Type > pmetric.MetricTypeEmpty && f.Type <= pmetric.MetricTypeSummary && f.Gauge <= fold.Sum
}
