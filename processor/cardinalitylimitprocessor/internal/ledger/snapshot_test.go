// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/tenant"
)

// full is a ledger with something of everything in it.
func full(t testing.TB) *Ledger {
	t.Helper()
	l := limited(9)
	add(l, 1500, served, 1, cumulative(1100, 1500, 10))
	add(l, 1500, served, 2, cumulative(500, 1500, 100))
	add(l, 1500, sessions, 3, cumulative(500, 1500, 7))
	l.Settle(l.Take(nil, 1500, true), true)
	add(l, 1600, served, 1, cumulative(1100, 1600, 12))
	b := l.NewBatch(1600)
	require.Equal(t, Folded, b.Add(requests.target(0), intPoint(5), requests))
	l.Deposit(b)
	return l
}

func (m *metric) describeFully() Series {
	s := m.Describe()
	s.Tenant = &tenant.Tenant{Key: 5, Name: "shop/cart", Attributes: []tenant.Attribute{{Key: "service.name", Value: "cart"}}}
	return s
}

func reload(t testing.TB, l *Ledger, atRest bool) *Ledger {
	t.Helper()
	snapshot, err := l.Append([]byte("kept"), 1700)
	require.NoError(t, err)
	require.Equal(t, "kept", string(snapshot[:4]))
	loaded := limited(9)
	require.NoError(t, loaded.Load(snapshot[4:], atRest, 2000))
	return loaded
}

// totals writes what waits and returns the values by name.
func totals(l *Ledger) map[string]pmetric.NumberDataPoint {
	got := map[string]pmetric.NumberDataPoint{}
	page := l.Take(nil, 3000, true)
	if page == nil {
		return got
	}
	for i := range page.Lines {
		got[page.Lines[i].Name] = written(&page.Lines[i])
	}
	l.Settle(page, true)
	return got
}

// T5: after an orderly end everything goes on as if nothing had happened.
func TestT05AllGoesOnAfterAnOrderlyEnd(t *testing.T) {
	before := full(t)
	after := reload(t, before, true)
	assert.Equal(t, before.Usage(), after.Usage())
	for _, l := range []*Ledger{before, after} {
		assert.Equal(t, Folded, add(l, 2500, served, 1, cumulative(1100, 2500, 13)))
		assert.Equal(t, Folded, add(l, 2500, served, 2, cumulative(500, 2500, 104)))
		assert.Equal(t, Folded, add(l, 2500, sessions, 4, cumulative(500, 2500, 1)))
		got := totals(l)
		assert.Equal(t, int64(17), got["served"].IntValue())
		assert.Equal(t, opened, got["served"].StartTimestamp())
		assert.Equal(t, int64(8), got["sessions"].IntValue())
		assert.Equal(t, int64(5), got["requests"].IntValue())
	}
}

// After a crash totals begin anew, so that none falls, and each source adds what it has
// beyond what the snapshot knew of it: some of that may have been written before.
func TestT05TotalsBeginAnewAfterACrash(t *testing.T) {
	l := reload(t, full(t), false)
	assert.Equal(t, Folded, add(l, 2500, served, 1, cumulative(1100, 2500, 15)))
	assert.Equal(t, Folded, add(l, 2500, sessions, 3, cumulative(500, 2500, 9)))
	got := totals(l)
	assert.Equal(t, int64(3), got["served"].IntValue())
	assert.Equal(t, int64(9), got["sessions"].IntValue(), "a level is what its sources stand at")
}

// What was deposited for a stream that was forgotten on the way is stored all the same.
func TestDepositsOfAForgottenStreamAreKept(t *testing.T) {
	l := limited(9)
	slow := batchOf(t, l, 1500, requests, 5)
	l.Expire(1501)
	l.Deposit(slow)
	assert.Equal(t, int64(5), totals(reload(t, l, true))["requests"].IntValue())
}

func TestSeriesAreKeptAsTheyWere(t *testing.T) {
	l := limited(9)
	add(l, 1500, served, 1, cumulative(1100, 1500, 10))
	for _, s := range l.streams {
		s.Series = served.describeFully()
		s.Description, s.Unit, s.Folded = "about it", "1", "user.id"
		s.Attributes.PutInt("tier", 3)
		s.Attributes.PutBool("otel.metric.overflow", true)
	}
	loaded := reload(t, l, true)
	for key, s := range loaded.streams {
		want := l.streams[key]
		assert.Equal(t, want.Attributes.AsRaw(), s.Attributes.AsRaw())
		assert.Equal(t, want.Tenant.Key, s.Tenant.Key)
		assert.Equal(t, want.Tenant.Name, s.Tenant.Name)
		assert.Equal(t, want.Tenant.Attributes, s.Tenant.Attributes)
		assert.Equal(t, []any{want.Name, want.Description, want.Unit, want.Folded, want.form}, []any{s.Name, s.Description, s.Unit, s.Folded, s.form})
	}
}

// Sources go on aging where they were.
func TestAgesAreKept(t *testing.T) {
	l := reload(t, full(t), true) // the oldest was used 200 before the snapshot, which was loaded at 2000
	l.Expire(1800)
	assert.Equal(t, 3, l.Usage().Sources)
	l.Expire(1801)
	assert.Equal(t, 1, l.Usage().Sources)
}

func TestDamagedSnapshots(t *testing.T) {
	snapshot, err := full(t).Append(nil, 1700)
	require.NoError(t, err)
	for n := range snapshot {
		l := limited(9)
		require.Error(t, l.Load(snapshot[:n], true, 2000), "cut off at %d", n)
		require.Zero(t, l.Usage())
	}
	version := append([]byte{9}, snapshot[1:len(snapshot)-4]...)
	require.ErrorContains(t, limited(9).Load(sealed(version), true, 2000), "version 9, want 1")
	longer := append(snapshot[:len(snapshot)-4:len(snapshot)-4], 0)
	require.ErrorContains(t, limited(9).Load(sealed(longer), true, 2000), "1 bytes too many")
}

func sealed(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}

// FuzzLoad gives each input a valid checksum, so that the rest is looked at.
func FuzzLoad(f *testing.F) {
	snapshot, err := full(f).Append(nil, 1700)
	require.NoError(f, err)
	f.Add(snapshot[:len(snapshot)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		l := limited(9)
		if l.Load(sealed(body), true, 2000) != nil {
			require.Zero(t, l.Usage())
			return
		}
		add(l, 2500, served, 1, cumulative(1100, 2500, 13))
		totals(l)
		l.Expire(9999)
	})
}
