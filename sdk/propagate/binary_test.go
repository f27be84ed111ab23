// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package propagate_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
)

// binary is the binary form of the span context of origin.
func binary(tb testing.TB) []byte {
	tb.Helper()
	ctx, _ := origin(tb)
	return propagate.InjectBinary(ctx, nil)
}

func TestBinaryRoundTripKeepsIDsAndFlags(t *testing.T) {
	_, want := origin(t)
	b := binary(t)
	assert.Equal(t, []byte{0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 1}, b)
	got := trace.SpanContextFromContext(propagate.ExtractBinary(context.Background(), b))
	assert.True(t, got.IsRemote())
	assert.True(t, got.Equal(want.WithTraceState(trace.TraceState{})), "all but the tracestate travels")
}

func TestBinaryOfNoSpanIsNothing(t *testing.T) {
	assert.Equal(t, []byte("frame"), propagate.InjectBinary(context.Background(), []byte("frame")))
}

func TestParseBinaryRefusesWhatItCannotRead(t *testing.T) {
	good := binary(t)
	with := func(at int, values ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], values)
		return b
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"nothing":             {nil, "must have 26 bytes"},
		"short":               {good[:25], "must have 26 bytes"},
		"version 0 too long":  {append(bytes.Clone(good), 0), "must have 26 bytes"},
		"forbidden version":   {with(0, 0xff), "version 255"},
		"zero trace id":       {with(1, make([]byte, 16)...), "must not be zero"},
		"zero span id":        {with(17, make([]byte, 8)...), "must not be zero"},
		"all zero":            {make([]byte, 26), "must not be zero"},
		"later version short": {with(0, 1)[:25], "must have 26 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			sc, err := propagate.ParseBinary(c.in)
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, trace.SpanContext{}, sc)
			assert.Equal(t, t.Context(), propagate.ExtractBinary(t.Context(), c.in), "the context stays as it was")
		})
	}
}

func TestParseBinaryReadsTheKnownPartOfALaterVersion(t *testing.T) {
	later := append(binary(t), 9, 9, 9)
	later[0], later[25] = 7, 0xff
	sc, err := propagate.ParseBinary(later)
	require.NoError(t, err)
	assert.Equal(t, trace.FlagsSampled|trace.FlagsRandom, sc.TraceFlags(), "unknown flags are cleared")
}

func TestBinaryAllocatesNothing(t *testing.T) {
	_, sc := origin(t)
	buf := make([]byte, 0, propagate.BinarySize)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		buf = propagate.AppendBinary(buf[:0], sc)
		if _, err := propagate.ParseBinary(buf); err != nil {
			t.Error(err)
		}
		_, _ = propagate.ParseBinary(buf[:3])
	}))
}

// FuzzParseBinary holds that no input panics, that what is accepted is valid and remote, and that writing it again
// gives the same span context.
func FuzzParseBinary(f *testing.F) {
	f.Add(binary(f))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 26))
	f.Add(append([]byte{1}, bytes.Repeat([]byte{2}, 40)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		sc, err := propagate.ParseBinary(b)
		if err != nil {
			return
		}
		if !sc.IsValid() || !sc.IsRemote() {
			t.Fatalf("accepted %+v", sc)
		}
		again, err := propagate.ParseBinary(propagate.AppendBinary(nil, sc))
		if err != nil || !again.Equal(sc) {
			t.Fatalf("round trip changed %+v to %+v: %v", sc, again, err)
		}
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	_, sc := origin(b)
	buf := make([]byte, 0, propagate.BinarySize)
	b.ReportAllocs()
	for b.Loop() {
		buf = propagate.AppendBinary(buf[:0], sc)
	}
}

func BenchmarkParseBinary(b *testing.B) {
	buf := binary(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := propagate.ParseBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}
