// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// roundTrip fails the test unless a value is decoded as it was encoded.
func roundTrip(t *testing.T, v *Value) Value {
	t.Helper()
	encoded := v.Append(nil)
	back, rest, err := Decode(append(slices.Clip(encoded), 1, 2, 3))
	if err != nil || !bytes.Equal(rest, []byte{1, 2, 3}) {
		t.Fatalf("%v, rest %v", err, rest)
	}
	if again := back.Append(nil); !bytes.Equal(again, encoded) || back.Points != v.Points {
		t.Fatalf("decoded as %x, want %x", again, encoded)
	}
	return back
}

// pairs is two points of a source of each form.
var pairs = map[string]struct {
	form         Form
	first, later *Point
}{
	"integer":     {counter, ints(1, 5, math.MaxInt64-1), ints(1, 10, math.MaxInt64)},
	"double":      {counter, doubles(1, 5, 0.1), doubles(1, 10, 1e200)},
	"both":        {counter, ints(1, 5, 7), doubles(1, 10, 7.5)},
	"level":       {upDown, ints(1, 5, 7), ints(1, 10, -9)},
	"gauge":       {gaugeBy(Sum), doubles(0, 5, -0.5), ints(0, 10, 3)},
	"summary":     {summary, summaryPoint(1, 5, 3, 0.25), summaryPoint(1, 10, 4, 0.5)},
	"explicit":    {cumulativeHistogram, explicit(1, 5, []float64{1, 2}, 1, 3), explicit(1, 10, []float64{1, 2}, 1, 3, 0.5)},
	"exponential": {cumulativeExponential, exponentialPoint(1, 5, 3, 0, 0, 1.3, -7), exponentialPoint(1, 10, 3, 0.1, 0, 1.3, -7, 0.01)},
	"nothing yet": {cumulativeHistogram, explicit(1, 5, []float64{1, 2}), explicit(1, 10, []float64{1, 2}, 1)},
}

func TestAValueGoesOnWhereItWasEncoded(t *testing.T) {
	for name, c := range pairs {
		t.Run(name, func(t *testing.T) {
			var v, last Value
			c.form.AddSince(&v, &last, c.first, true)
			v2, last2 := roundTrip(t, &v), roundTrip(t, &last)
			since := c.form.AddSince(&v, &last, c.later, true)
			since2 := c.form.AddSince(&v2, &last2, c.later, true)
			if since != since2 || !bytes.Equal(v.Append(nil), v2.Append(nil)) || !bytes.Equal(last.Append(nil), last2.Append(nil)) {
				t.Errorf("%d, %d: what was decoded went on differently", since, since2)
			}
		})
	}
}

func TestNoPartOfAnEncodedValueIsTakenForOne(t *testing.T) {
	for name, c := range pairs {
		var v, last Value
		c.form.AddSince(&v, &last, c.first, true)
		encoded := last.Append(nil)
		for n := range encoded {
			if _, _, err := Decode(encoded[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a value", name, n, len(encoded))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range pairs {
		var v, last Value
		c.form.AddSince(&v, &last, c.first, true)
		c.form.AddSince(&v, &last, c.later, true)
		f.Add(v.Append(nil))
		f.Add(last.Append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, rest, err := Decode(data)
		if err != nil {
			return
		}
		if len(rest) > len(data) {
			t.Fatal("more is left than there was")
		}
		back := roundTrip(t, &v)
		v.Points = min(v.Points, maxPoints/2) // there is room for a few more
		at := pcommon.Timestamp(math.MaxInt64)
		for _, c := range pairs { // whatever was decoded can be worked with
			last, total := roundTrip(t, &back), Value{}
			c.later.SetTimes(0, at)
			c.form.AddSince(&total, &last, c.later, true)
			c.form.Merge(&total, &v)
			part, _ := c.form.Split(total)
			roundTrip(t, &part)
		}
	})
}
