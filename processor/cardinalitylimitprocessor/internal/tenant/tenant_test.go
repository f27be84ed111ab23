// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
)

var (
	now = time.Unix(1_700_000_000, 0)
	by  = []string{"service.namespace", "service.name"}
)

func directory(keys []string, limit int) *Directory {
	return NewDirectory(keys, limit, identity.New(identity.NewSeed()))
}

// resource returns attributes of these pairs, and of an instance that is always another.
func resource(pairs ...string) pcommon.Map {
	m := pcommon.NewMap()
	for i := 0; i < len(pairs); i += 2 {
		m.PutStr(pairs[i], pairs[i+1])
	}
	m.PutStr("service.instance.id", fmt.Sprint(time.Now().UnixNano()))
	return m
}

func TestTenantsAreToldByTheirKeysAlone(t *testing.T) {
	d := directory(by, 10)
	shop := d.OfResource(resource("service.namespace", "shop", "service.name", "cart"), now)
	assert.Same(t, shop, d.OfResource(resource("service.name", "cart", "service.namespace", "shop"), now))
	assert.Equal(t, "shop/cart", shop.Name)
	assert.Equal(t, []Attribute{{"service.namespace", "shop"}, {"service.name", "cart"}}, shop.Attributes)

	others := map[*Tenant]string{}
	for _, r := range []pcommon.Map{
		resource("service.namespace", "cart", "service.name", "shop"),
		resource("service.name", "cart"),
		resource("service.namespace", "cart"),
		resource(),
	} {
		t := d.OfResource(r, now)
		others[t] = t.Name
	}
	assert.Len(t, others, 4)
	assert.NotContains(t, others, shop)
	assert.Equal(t, "unknown", d.OfResource(resource(), now).Name)
	assert.Equal(t, "shop/cart", d.Name(shop.Key))
	assert.Empty(t, d.Name(1))
}

func TestTenantsOfClients(t *testing.T) {
	d := directory([]string{"x-scope-orgid"}, 10)
	of := func(values ...string) *Tenant {
		return d.OfClient(func(key string) []string {
			assert.Equal(t, "x-scope-orgid", key)
			return values
		}, now)
	}
	assert.Equal(t, "a", of("a").Name)
	again := of("a")
	assert.Same(t, of("a"), again)
	assert.NotSame(t, of("a"), of("b"))
	assert.NotSame(t, of("a"), of("a", "b"))
	assert.Equal(t, "unknown", of().Name)
}

// A flood of tenants is one noisy tenant, and those that are silent make room.
func TestTenantsAreBoundedAndExpire(t *testing.T) {
	d := directory(by, 2)
	of := func(name string, at time.Time) *Tenant { return d.OfResource(resource("service.name", name), at) }
	a, b := of("a", now), of("b", now)
	assert.NotSame(t, a, b)
	others := of("c", now)
	assert.Same(t, others, of("d", now))
	assert.Equal(t, "(others)", others.Name)
	assert.Equal(t, "(others)", d.Name(others.Key))
	assert.Same(t, a, of("a", now.Add(time.Minute)))
	assert.Equal(t, 2, d.Len())

	d.Expire(now.Add(time.Second))
	assert.Equal(t, 1, d.Len())
	assert.Same(t, a, of("a", now))
	assert.Equal(t, "c", of("c", now).Name)
}

// An engine that comes back is the same tenant: its key depends on its attributes alone.
func TestKeysOutliveExpiry(t *testing.T) {
	d := directory(by, 2)
	before := d.OfResource(resource("service.name", "a"), now)
	d.Expire(now.Add(time.Hour))
	after := d.OfResource(resource("service.name", "a"), now)
	assert.NotSame(t, before, after)
	assert.Equal(t, before.Key, after.Key)
}

func TestNamesAreBounded(t *testing.T) {
	d := directory(by, 10)
	long := d.OfResource(resource("service.name", strings.Repeat("é", 1<<20)), now)
	assert.LessOrEqual(t, len(long.Name), maxValue+3)
	broken := d.OfResource(resource("service.name", "a\xffb"), now)
	for _, tenant := range []*Tenant{long, broken} {
		assert.True(t, utf8.ValidString(tenant.Name), tenant.Name)
	}
	other := d.OfResource(resource("service.name", strings.Repeat("é", 1<<20)+"x"), now)
	assert.NotEqual(t, long.Key, other.Key)
}

func TestManyAtOnceConcurrentSafe(t *testing.T) {
	d := directory(by, 8)
	var race sync.WaitGroup
	for range 16 {
		race.Go(func() {
			for i := range 500 {
				name := fmt.Sprint("s", i%12)
				got := d.OfResource(resource("service.name", name), now)
				assert.Contains(t, []string{name, "(others)"}, got.Name)
				if i%100 == 0 {
					d.Expire(now.Add(time.Duration(i%3-1) * time.Second))
				}
			}
		})
	}
	race.Wait()
	require.LessOrEqual(t, d.Len(), 8)
}
