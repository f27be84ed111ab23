// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// bootLogs starts a limiter of logs on a disk, and waits until it has read it.
func bootLogs(t *testing.T, d *disk, clock *clock) (l *logsLimiter, warnings *observer.ObservedLogs) {
	t.Helper()
	cfg := valuesOf(2)
	cfg.Storage = &diskID
	set := nopSettings()
	core, warnings := observer.New(zap.WarnLevel)
	set.Logger = zap.New(core)
	l = newTestLogsWith(t, set, cfg, consumertest.NewNop(), clock.time)
	require.NoError(t, l.Start(t.Context(), d))
	<-l.restored
	return l, warnings
}

func TestValuesHaveTheirPlacesAfterARestart(t *testing.T) {
	d, clock := newDisk(), newClock()
	first, _ := bootLogs(t, d, clock)
	assert.Equal(t, []int{1, 2, -1}, first.through(t, records("a", 1, 2, 3)))
	crashed := &disk{kept: maps.Clone(d.kept)}
	require.NoError(t, first.Shutdown(t.Context()))

	clock.advance(10 * time.Second)
	second, warnings := bootLogs(t, d, clock)
	assert.Equal(t, []int{-1, 2, 1}, second.through(t, records("a", 3, 2, 1)))
	assert.Zero(t, warnings.FilterMessageSnippet("before it was restarted").Len())
	require.NoError(t, second.Shutdown(t.Context()))

	clock.advance(2 * time.Minute)
	third, _ := bootLogs(t, d, clock)
	assert.Equal(t, []int{-1, 2, 1}, third.through(t, records("a", 3, 2, 1)), "time without a limiter does not count")

	fourth, _ := bootLogs(t, crashed, clock)
	assert.Equal(t, []int{3, 2, -1}, fourth.through(t, records("a", 3, 2, 1)), "it had nothing stored when it crashed")
}

// What cannot be read is left behind, with a warning, and does not stay in the way.
func TestDamagedValuesAreLeftBehind(t *testing.T) {
	for _, key := range []string{keyHead, keyValues} {
		d, clock := newDisk(), newClock()
		first, _ := bootLogs(t, d, clock)
		first.through(t, records("a", 1, 2))
		require.NoError(t, first.Shutdown(t.Context()))
		d.kept[key] = append([]byte("?"), d.kept[key]...)

		second, warnings := bootLogs(t, d, clock)
		assert.Equal(t, 1, warnings.FilterMessageSnippet("before it was restarted").Len(), key)
		assert.Equal(t, []int{3, 4, -1}, second.through(t, records("a", 3, 4, 1)), key)
		require.NoError(t, second.Shutdown(t.Context()))

		third, warnings := bootLogs(t, d, clock)
		assert.Zero(t, warnings.FilterMessageSnippet("before it was restarted").Len(), key)
		assert.Equal(t, []int{-1, 3, 4}, third.through(t, records("a", 1, 3, 4)), key)
	}
}

func TestLimitersOfRecordsNameAStorageThatCannotBeUsed(t *testing.T) {
	other := component.MustNewID("other")
	for id, want := range map[*component.ID]string{
		&other:                             `storage: extension "other" does not store anything; name one such as file_storage`,
		new(component.MustNewID("absent")): `storage: extension "absent" is not in service::extensions`,
	} {
		cfg := valuesOf(2)
		cfg.Storage = id
		l := newTestLogs(t, cfg, consumertest.NewNop(), newClock().time)
		require.EqualError(t, l.Start(context.Background(), newDisk()), want)
	}
}
