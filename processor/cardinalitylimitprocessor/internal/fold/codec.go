// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// What follows the head of an encoded Value.
const (
	hasDouble    = 1 << iota // a double is among the numbers
	hasNumber                // number is not zero
	hasBuckets               // an explicit histogram
	hasScaled                // an exponential histogram
	encodedFlags = 1<<iota - 1
)

// maxPoints is more points than can ever have been folded into a value.
const maxPoints = 1 << 60

var errShort = errors.New("decode a folded value: unexpected end of data")

// Append appends the encoded value to dst. Exemplars are not part of it. It does not
// allocate if dst has room: about 10 bytes of a counter, 2 to 9 of a bucket.
func (v *Value) Append(dst []byte) []byte {
	var flags byte
	if v.double {
		flags |= hasDouble
	}
	if v.number != (number{}) {
		flags |= hasNumber
	}
	if v.buckets != nil && !v.buckets.empty() {
		flags |= hasBuckets
	}
	if v.scaled != nil && !v.scaled.empty() {
		flags |= hasScaled
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(v.Points))
	dst = binary.AppendUvarint(dst, uint64(v.start))
	dst = binary.AppendUvarint(dst, uint64(v.at))
	if flags&hasNumber != 0 {
		dst = v.number.append(dst)
	}
	if flags&hasBuckets != 0 {
		dst = v.buckets.append(dst)
	}
	if flags&hasScaled != 0 {
		dst = v.scaled.append(dst)
	}
	return dst
}

// Decode reads a value that Append wrote and returns what comes after it. Data that Append
// cannot have written is an error, whatever it is.
func Decode(src []byte) (Value, []byte, error) {
	r := reader{rest: src}
	flags := r.byte()
	v := Value{
		Points: int(r.uvarint()),
		double: flags&hasDouble != 0,
		start:  pcommon.Timestamp(r.uvarint()),
		at:     pcommon.Timestamp(r.uvarint()),
	}
	if flags > encodedFlags || v.Points < 0 || v.Points > maxPoints {
		r.fail(fmt.Errorf("decode a folded value: unknown flags %#x or %d points", flags, v.Points))
	}
	if flags&hasNumber != 0 {
		v.number = r.number()
	}
	if flags&hasBuckets != 0 {
		v.buckets = r.buckets()
	}
	if flags&hasScaled != 0 {
		v.scaled = r.scaled()
	}
	if r.err != nil {
		return Value{}, nil, r.err
	}
	return v, r.rest, nil
}

func (n number) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, int64(n.whole.hi))
	dst = binary.AppendUvarint(dst, n.whole.lo)
	return n.double.append(dst)
}

func (s precise) append(dst []byte) []byte {
	return appendDouble(appendDouble(dst, s.hi), s.lo)
}

// appendDouble writes the bytes of a double in the order in which round numbers are short.
func appendDouble(dst []byte, v float64) []byte {
	return binary.AppendUvarint(dst, bits.ReverseBytes64(math.Float64bits(v)))
}

// reader reads what was encoded. After the first error it returns zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.rest = err, nil
	}
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

// length reads how many items of at least one byte follow.
func (r *reader) length(most int) int {
	n := r.uvarint()
	if n > uint64(most) || n > uint64(len(r.rest)) {
		r.fail(fmt.Errorf("decode a folded value: %d items, of which there can be %d", n, most))
		return 0
	}
	return int(n)
}

func (r *reader) double() float64 {
	return math.Float64frombits(bits.ReverseBytes64(r.uvarint()))
}

func (r *reader) number() number {
	return number{whole: wide{hi: uint64(r.varint()), lo: r.uvarint()}, double: r.precise()}
}

func (r *reader) precise() precise { return precise{hi: r.double(), lo: r.double()} }
