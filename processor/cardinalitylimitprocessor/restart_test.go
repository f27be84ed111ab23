// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// disk is a storage extension that survives the limiters that use it.
type disk struct {
	component.Component
	mu     sync.Mutex
	kept   map[string][]byte
	broken error
	open   bool
}

var diskID = component.MustNewID("disk")

func (d *disk) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{diskID: d, component.MustNewID("other"): struct{ component.Component }{}}
}

func (d *disk) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if d.open {
		return nil, errors.New("in use")
	}
	if kind != component.KindProcessor || id.String() != "cardinality_limit" || name != "metrics" && name != "logs" {
		return nil, errors.New("somebody else's")
	}
	d.open = true
	return d, nil
}

func (d *disk) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	return op.Value, d.Batch(ctx, op)
}

func (d *disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = d.kept[op.Key]
		case storage.Set:
			d.kept[op.Key] = op.Value
		case storage.Delete:
			delete(d.kept, op.Key)
		}
	}
	return nil
}

func (d *disk) Close(context.Context) error {
	d.open = false
	return nil
}

// boot starts a limiter on a disk, and waits until it has read it.
func boot(t *testing.T, d *disk, cfg *Config, next *failing, clock *clock) *limiter {
	t.Helper()
	cfg.Storage = &diskID
	l, err := newLimiterAt(nopSettings(), cfg, next, clock.time)
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context(), d))
	t.Cleanup(func() { _ = l.Shutdown(context.Background()) })
	<-l.restored
	return l
}

func newDisk() *disk { return &disk{kept: map[string][]byte{}} }

// cumulativeOf returns a cumulative counter that began at testStart.
func cumulativeOf(query, value int64, at time.Time) pmetric.Metrics {
	md := counter("c", int(query))
	sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().At(0)
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(testStart.Add(time.Second)))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetIntValue(value)
	return md
}

// G15: those that had a place have it after a restart, and the others do not get one. Sums
// of overflow series go on where they were, under the same identity.
func TestARestartForgetsNothing(t *testing.T) {
	d, next, clock := newDisk(), &failing{}, newClock()
	first := boot(t, d, limits(1), next, clock)
	clock.advance(time.Minute)
	for _, md := range []pmetric.Metrics{
		cumulativeOf(1, 5, clock.now), cumulativeOf(2, 7, clock.now), counter("d", 1, 2),
	} {
		require.NoError(t, first.ConsumeMetrics(t.Context(), md))
	}
	next.err = errFull
	require.NoError(t, first.Shutdown(t.Context()))
	next.err = nil

	clock.advance(30 * time.Second)
	second := boot(t, d, limits(1), next, clock)
	assert.Equal(t, first.overflow.instanceID, second.overflow.instanceID)
	assert.Equal(t, 2, second.table.Usage().Series)
	before := len(next.AllMetrics())
	for _, md := range []pmetric.Metrics{
		counter("d", 2), cumulativeOf(2, 9, clock.now), cumulativeOf(1, 6, clock.now),
	} {
		require.NoError(t, second.ConsumeMetrics(t.Context(), md))
	}
	after := next.AllMetrics()[before:]
	last, _ := cumulativeOverflow(t, after)
	assert.Equal(t, int64(9), last)
	overflow, passed := windows(after, "d")
	require.Len(t, overflow, 1, "a series without a place got one")
	assert.Equal(t, time.Minute, overflow[0].start, "the window does not begin where the last one ended")
	assert.Zero(t, passed)
	_, passed = windows(after, "c")
	assert.Equal(t, 1, passed, "a series lost its place")
}

// After a crash the overflow series are others, so that none falls.
func TestT05ACrashBeginsNewOverflowSeries(t *testing.T) {
	d, next, clock := newDisk(), &failing{}, newClock()
	first := boot(t, d, limits(1), next, clock)
	clock.advance(time.Minute)
	require.NoError(t, first.ConsumeMetrics(t.Context(), cumulativeOf(1, 5, clock.now)))
	require.NoError(t, first.ConsumeMetrics(t.Context(), cumulativeOf(2, 7, clock.now)))
	require.NoError(t, first.save(t.Context(), false))
	require.NoError(t, first.ConsumeMetrics(t.Context(), cumulativeOf(2, 8, clock.now.Add(time.Second))))
	crashed := &disk{kept: maps.Clone(d.kept)}

	clock.advance(time.Minute)
	second := boot(t, crashed, limits(1), next, clock)
	assert.NotEqual(t, first.overflow.instanceID, second.overflow.instanceID)
	before := len(next.AllMetrics())
	require.NoError(t, second.ConsumeMetrics(t.Context(), cumulativeOf(2, 10, clock.now)))
	last, _ := cumulativeOverflow(t, next.AllMetrics()[before:])
	assert.Equal(t, int64(3), last, "from 7, which is stored, to 10: 8 is counted twice rather than never")
}

// What nobody took before the end is handed on after the next start.
func TestWhatCouldNotBeHandedOnIsKept(t *testing.T) {
	d, next, clock := newDisk(), &failing{}, newClock()
	cfg := limits(1)
	cfg.Overflow.FlushInterval = time.Minute
	first := boot(t, d, cfg, next, clock)
	require.NoError(t, first.ConsumeMetrics(t.Context(), counter("c", 1, 2, 3)))
	next.err = errFull
	require.NoError(t, first.Shutdown(t.Context()))
	next.err = nil
	clock.advance(time.Minute)
	second := boot(t, d, limits(1), next, clock)
	require.NoError(t, second.Shutdown(t.Context()))
	overflow, _ := windows(next.AllMetrics(), "c")
	assert.Equal(t, []window{{0, time.Minute, 2}}, overflow)
}

func TestStorageThatCannotBeUsed(t *testing.T) {
	other, missing := component.MustNewID("other"), component.MustNewID("missing")
	for want, setUp := range map[string]func(*Config, *disk){
		`extension "missing" is not in service::extensions`: func(c *Config, _ *disk) { c.Storage = &missing },
		`extension "other" does not store anything`:         func(c *Config, _ *disk) { c.Storage = &other },
		`two pipelines cannot share a processor`:            func(_ *Config, d *disk) { d.open = true },
		`the disk is gone`:                                  func(_ *Config, d *disk) { d.broken = errors.New("the disk is gone") },
	} {
		d, cfg := newDisk(), limits(1)
		cfg.Storage = &diskID
		setUp(cfg, d)
		l, err := newLimiterAt(nopSettings(), cfg, consumertest.NewNop(), newClock().time)
		require.NoError(t, err)
		require.ErrorContains(t, l.Start(t.Context(), d), want)
		_ = l.Shutdown(t.Context())
	}
}

// A damaged snapshot is left behind with a warning; the collector starts.
func TestDamagedSnapshotsAreLeftBehind(t *testing.T) {
	for _, key := range []string{keyHead, keySeries, keyLedger} {
		d, next, clock := newDisk(), &failing{}, newClock()
		first := boot(t, d, limits(1), next, clock)
		require.NoError(t, first.ConsumeMetrics(t.Context(), counter("c", 1, 2)))
		require.NoError(t, first.Shutdown(t.Context()))
		d.kept[key] = append([]byte("?"), d.kept[key]...)

		core, logs := observer.New(zap.WarnLevel)
		set, cfg := nopSettings(), limits(1)
		set.Logger, cfg.Storage = zap.New(core), &diskID
		second, err := newLimiterAt(set, cfg, next, clock.time)
		require.NoError(t, err)
		require.NoError(t, second.Start(t.Context(), d))
		<-second.restored
		assert.Len(t, logs.All(), 1, key)
		require.NoError(t, second.ConsumeMetrics(t.Context(), counter("c", 1)))
		require.NoError(t, second.Shutdown(t.Context()))
		third := boot(t, d, limits(1), next, clock)
		assert.Equal(t, 1, third.table.Usage().Series, key)
	}
}

func TestWithoutStorageNothingIsOpened(t *testing.T) {
	l := newTestLimiter(t, limits(1), consumertest.NewNop(), newClock().time)
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
	assert.Nil(t, l.storage)
}
