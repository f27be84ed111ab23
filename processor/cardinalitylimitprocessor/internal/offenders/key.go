// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"unsafe"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/spacesaving"
)

// tally is a sketch whose last full window is not forgotten when a new one begins.
type tally struct {
	Sketch
	before int // estimate of the window before
}

// size returns the larger of both windows: a window that has just begun knows little.
func (t *tally) size() int { return max(t.Estimate(), t.before) }

func (t *tally) turn() {
	t.before = t.Estimate()
	t.Reset()
}

// key is what is known of one attribute key.
type key struct {
	name   string
	rest   tally // what would remain of the series without this key
	values tally
	top    *spacesaving.Top // values by the number of series
	inUse  bool             // seen in this window
}

// turn returns false if the key was not seen in the window that ends: another may have
// its place.
func (k *key) turn() bool {
	if !k.inUse {
		return false
	}
	k.rest.turn()
	k.values.turn()
	k.top.Scale(0.5)
	k.inUse = false
	return true
}

func (k *key) value(p *Pair) {
	k.inUse = true
	k.values.Insert(p.Hash)
	k.top.Add(p.Hash, p.Value, 1)
}

func (k *key) bytes() int {
	return int(unsafe.Sizeof(*k)) + len(k.name) + k.rest.Bytes() + k.values.Bytes() + k.top.Bytes()
}
