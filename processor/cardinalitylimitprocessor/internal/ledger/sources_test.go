// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Sources come and go, many of them with the same home, and are found as in a map.
func TestSourcesBehaveLikeAMap(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s, want := newSources(), map[uint64]pcommon.Timestamp{}
		shift := rng.IntN(3) * 3 // homes that are shared by 1, 8 or 64
		for step := range pcommon.Timestamp(600) {
			fingerprint := rng.Uint64N(80) << shift
			switch src := s.find(fingerprint); {
			case src == nil:
				if _, known := want[fingerprint]; known {
					t.Fatalf("seed %d step %d: %d is lost", seed, step, fingerprint)
				}
				if rng.IntN(3) > 0 {
					src = s.add(fingerprint)
					src.stream, src.at = &stream{}, step
					want[fingerprint] = step
				}
			case src.at != want[fingerprint]:
				t.Fatalf("seed %d step %d: source of %d was added at %d, want %d", seed, step, fingerprint, src.at, want[fingerprint])
			case rng.IntN(3) == 0:
				s.remove(src)
				delete(want, fingerprint)
			}
			if s.len() != len(want) {
				t.Fatalf("seed %d step %d: %d sources, want %d", seed, step, s.len(), len(want))
			}
		}
		var left []uint64
		for i := range s.slots {
			if s.slots[i].stream != nil {
				left = append(left, s.slots[i].fingerprint)
			}
		}
		slices.Sort(left)
		if !slices.Equal(left, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("seed %d: %v are left, want %v", seed, left, slices.Sorted(maps.Keys(want)))
		}
	}
}
