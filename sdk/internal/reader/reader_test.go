// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package reader_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/reader"
)

// produce is a producer that numbers its collections: the value of its one point is the number.
type produce struct {
	n      int64
	before func()
}

func (p *produce) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	if p.before != nil {
		p.before()
	}
	p.n++
	data := metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: p.n}}}
	return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "n", Data: data}}}}, nil
}

// exporter remembers what it was asked to do, and when.
type exporter struct {
	sdkmetric.Exporter // selectors

	export func(context.Context) error

	mu    sync.Mutex
	begun time.Time
	calls []string
}

func newExporter(export func(context.Context) error) *exporter {
	return &exporter{export: export, begun: time.Now()}
}

func (e *exporter) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, time.Since(e.begun).String()+" "+what)
}

func (e *exporter) noted() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

func (e *exporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (e *exporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (e *exporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	value := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints[0].Value
	e.note("export " + string(rune('0'+value)))
	if e.export != nil {
		return e.export(ctx)
	}
	return nil
}

func (e *exporter) ForceFlush(context.Context) error {
	e.note("flush")
	return nil
}

func (e *exporter) Shutdown(context.Context) error {
	e.note("shutdown")
	return nil
}

// failures collects what a Reader reports.
type failures struct {
	mu   sync.Mutex
	seen []string
}

func (f *failures) report(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, err.Error())
}

func (f *failures) reported() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// newReader returns a registered Reader that exports every minute.
func newReader(p *produce, e *exporter) (*reader.Reader, *failures) {
	f := &failures{}
	r := reader.New(reader.Options{Interval: time.Minute, Timeout: 30 * time.Second, MaxPoints: 1, Failed: f.report}, p, e)
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
	return r, f
}

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestItExportsAtTheIntervalWhenFlushedAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(nil)
		r, f := newReader(&produce{}, e)
		time.Sleep(2*time.Minute + time.Second)
		require.NoError(t, r.ForceFlush(t.Context()))
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Equal(t, []string{
			"1m0s export 1", "2m0s export 2", "2m1s export 3", "2m1s flush", "2m1s export 4", "2m1s shutdown",
		}, e.noted())
		assert.Empty(t, f.reported())
	})
}

func TestAfterShutdownItDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(nil)
		r, f := newReader(&produce{}, e)
		require.NoError(t, r.Shutdown(t.Context()))
		done := len(e.noted())
		require.NoError(t, r.ForceFlush(t.Context()))
		require.ErrorIs(t, r.Shutdown(t.Context()), sdkmetric.ErrReaderShutdown)
		time.Sleep(time.Hour)
		assert.Len(t, e.noted(), done)
		assert.Empty(t, f.reported())
	})
}

func TestAHangingCollectionHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := newExporter(nil)
		r, _ := newReader(&produce{before: func() { <-release }}, e)
		time.Sleep(time.Minute) // the collection begins
		begun := time.Now()
		ctx, cancel := within(time.Second)
		defer cancel()
		require.ErrorIs(t, r.ForceFlush(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begun))

		ctx, cancel = within(2 * time.Second)
		defer cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(begun))
		close(release)
		synctest.Wait()
		assert.Equal(t, []string{"1m3s shutdown"}, e.noted(), "the exporter is closed all the same")
	})
}

func TestAHangingExportEndsAtTheTimeLimitAndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(untilDone)
		r, f := newReader(&produce{}, e)
		time.Sleep(2*time.Minute + 31*time.Second)
		assert.Equal(t, []string{"1m0s export 1", "2m0s export 2"}, e.noted())
		assert.Equal(t, slices.Repeat([]string{"could not export metrics: context deadline exceeded"}, 2), f.reported())
		ctx, cancel := within(time.Second)
		defer cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
	})
}

func TestWhatShutdownInterruptsIsExportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := true
		e := newExporter(func(ctx context.Context) error {
			if slow {
				slow = false
				return untilDone(ctx)
			}
			return nil
		})
		r, f := newReader(&produce{}, e)
		time.Sleep(time.Minute + time.Second)
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Equal(t, []string{"1m0s export 1", "1m1s export 1", "1m1s export 2", "1m1s shutdown"}, e.noted())
		assert.Empty(t, f.reported(), "an interruption is no failure")
	})
}

func TestAFlushThatItsCallerCancelsIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(untilDone)
		r, f := newReader(&produce{}, e)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, r.ForceFlush(ctx), context.Canceled)
		synctest.Wait()
		assert.Empty(t, f.reported())
		ctx, cancel = within(time.Second)
		defer cancel()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
	})
}

func TestPanicsAreReportedAndSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collections, exports := 0, 0
		p := &produce{before: func() {
			if collections++; collections == 1 {
				panic("no state")
			}
		}}
		r, f := newReader(p, newExporter(func(context.Context) error {
			if exports++; exports == 1 {
				panic("no backend")
			}
			return errors.New("no room")
		}))
		time.Sleep(2*time.Minute + time.Second)
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Equal(t, []string{
			"could not collect metrics: panic: no state", "could not export metrics: panic: no backend",
			"could not export metrics: no room",
		}, f.reported())
	})
}
