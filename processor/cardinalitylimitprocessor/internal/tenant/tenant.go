// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package tenant says whose a resource is. A tenant is what has a share of the series of
// its own: all resources that agree in a few attributes, or all requests that agree in
// what their client says of itself.
//
// It knows no clock: callers pass the time.
package tenant

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
)

// maxValue bounds how much of an attribute's value a Tenant keeps. Tenants are told apart
// by the whole value.
const maxValue = 256

// othersSum stands for the attributes of the tenant that all beyond the limit share. It is
// the sum of no attributes that anybody could send: those sums are secret.
const othersSum = 0x6f74686572730000

// Tenant is whose a series is. It is immutable but for its last use.
type Tenant struct {
	// Key tells tenants apart.
	Key uint64
	// Name is for humans: the values joined by "/", "unknown" if there are none.
	Name string
	// Attributes are those that make the tenant, in the order of the configuration.
	Attributes []Attribute

	used atomic.Int64 // Unix nanoseconds
}

// Attribute is an attribute that makes a tenant. Values are text, whatever they were.
type Attribute struct{ Key, Value string }

// Directory knows the tenants that were seen lately. It may be used by many goroutines at
// once; a tenant that is known costs one map lookup.
type Directory struct {
	keys   []string
	max    int
	hasher *identity.Hasher
	others *Tenant

	mu    sync.RWMutex
	known map[uint64]*Tenant
}

// NewDirectory returns a Directory that tells tenants by the attributes under keys and
// knows at most limit of them. What belongs to further ones belongs to one tenant that
// they share, so that a flood of tenants is one noisy tenant.
func NewDirectory(keys []string, limit int, hasher *identity.Hasher) *Directory {
	return &Directory{
		keys:   keys,
		max:    limit,
		hasher: hasher,
		others: &Tenant{Key: identity.Mix(othersSum), Name: "(others)"},
		known:  map[uint64]*Tenant{},
	}
}

// OfResource returns the tenant of a resource.
func (d *Directory) OfResource(resource pcommon.Map, now time.Time) *Tenant {
	sum := uint64(0)
	for _, key := range d.keys {
		if v, ok := resource.Get(key); ok {
			sum += d.hasher.Pair(key, v)
		}
	}
	id := identity.Mix(sum)
	if t := d.lookup(id, now); t != nil {
		return t
	}
	return d.add(id, now, func(key string) (string, bool) {
		v, ok := resource.Get(key)
		if !ok {
			return "", false
		}
		return v.AsString(), true
	})
}

// OfClient returns the tenant of a request, told by what get returns for each key.
func (d *Directory) OfClient(get func(key string) []string, now time.Time) *Tenant {
	value := func(key string) (string, bool) {
		values := get(key)
		return strings.Join(values, ";"), len(values) > 0
	}
	sum := uint64(0)
	for _, key := range d.keys {
		if text, ok := value(key); ok {
			sum += d.hasher.Pair(key, pcommon.NewValueStr(text))
		}
	}
	id := identity.Mix(sum)
	if t := d.lookup(id, now); t != nil {
		return t
	}
	return d.add(id, now, value)
}

func (d *Directory) lookup(id uint64, now time.Time) *Tenant {
	d.mu.RLock()
	t := d.known[id]
	d.mu.RUnlock()
	if t != nil {
		t.used.Store(now.UnixNano())
	}
	return t
}

func (d *Directory) add(id uint64, now time.Time, value func(key string) (string, bool)) *Tenant {
	t := &Tenant{Key: id}
	t.used.Store(now.UnixNano())
	names := make([]string, 0, len(d.keys))
	for _, key := range d.keys {
		if text, ok := value(key); ok {
			text = clip(text)
			t.Attributes = append(t.Attributes, Attribute{Key: key, Value: text})
			names = append(names, text)
		}
	}
	t.Name = strings.Join(names, "/")
	if len(names) == 0 {
		t.Name = "unknown"
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.known[id]; known != nil {
		return known
	}
	if len(d.known) >= d.max {
		return d.others
	}
	d.known[id] = t
	return t
}

// SetLimit changes how many tenants are known at most. None is forgotten for it.
func (d *Directory) SetLimit(limit int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.max = limit
}

// Expire forgets the tenants that were not seen since a moment.
func (d *Directory) Expire(before time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, t := range d.known {
		if t.used.Load() < before.UnixNano() {
			delete(d.known, id)
		}
	}
}

// Len returns how many tenants are known, not counting the shared one.
func (d *Directory) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.known)
}

// Name returns the name of a tenant by its key, empty if it is not known.
func (d *Directory) Name(key uint64) string {
	if key == d.others.Key {
		return d.others.Name
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if t := d.known[key]; t != nil {
		return t.Name
	}
	return ""
}

func clip(text string) string {
	if len(text) <= maxValue {
		return strings.Clone(strings.ToValidUTF8(text, "\uFFFD"))
	}
	return strings.ToValidUTF8(text[:maxValue], "") + "..."
}
