// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package fold

import "go.opentelemetry.io/collector/pdata/pmetric"

// maxExemplars is how many exemplars a Value keeps.
const maxExemplars = 4

// reservoir keeps a fair choice of the exemplars that it is offered: each of n stays with
// probability maxExemplars/n. The choice depends on nothing but counts, and is the same
// every time.
type reservoir struct {
	offered uint64 // since the last reset
	salt    uint64 // of the choice: the number of resets
	kept    pmetric.ExemplarSlice
}

func newReservoir() *reservoir { return &reservoir{kept: pmetric.NewExemplarSlice()} }

func (r *reservoir) reset() {
	r.offered = 0
	r.salt++ // or every window would keep those of the same places
	r.kept.RemoveIf(func(pmetric.Exemplar) bool { return true })
}

func (r *reservoir) offerAll(some pmetric.ExemplarSlice) {
	for i := range some.Len() {
		r.offer(some.At(i))
	}
}

func (r *reservoir) offer(e pmetric.Exemplar) {
	r.offered++
	if r.kept.Len() < maxExemplars {
		e.CopyTo(r.kept.AppendEmpty())
		return
	}
	if i := mix(r.salt<<32^r.offered) % r.offered; i < maxExemplars {
		e.CopyTo(r.kept.At(int(i)))
	}
}

// merge offers what o kept. What o did not keep counts as offered, so that a long history
// is not pushed out by a short one.
func (r *reservoir) merge(o *reservoir) {
	r.offerAll(o.kept)
	r.offered += o.offered - uint64(o.kept.Len())
}

func (r *reservoir) write(to pmetric.ExemplarSlice) { r.kept.CopyTo(to) }

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
