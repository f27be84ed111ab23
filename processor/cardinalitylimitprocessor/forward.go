// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/ledger"
)

var _ cardinalityview.Drainer = (*limiter)(nil)

// maxFlushes bounds how long a batch can be kept busy with what other batches deposit.
// What is left after that goes with the next batch.
const maxFlushes = 4

// forward hands on what is left of a batch together with the overflow points.
//
// If another batch is being handed on with overflow points right now, this one's wait
// until that one is through: two windows of a series must not overtake each other.
// Nobody holds a lock meanwhile. An error means that nothing of this batch was kept, so
// that the sender may send it again without anything being folded twice.
func (l *limiter) forward(ctx context.Context, md pmetric.Metrics, excess *ledger.Batch, now time.Time) error {
	page := l.ledger.Take(excess, pcommon.NewTimestampFromTime(now), l.draining.Load())
	if page != nil {
		l.overflow.write(page, md)
	}
	if err := l.handOn(ctx, md, page); err != nil {
		return err
	}
	if page == nil && excess != nil {
		l.ledger.Deposit(excess)
	}
	l.flush(ctx, l.draining.Load())
	return nil
}

// Drain implements [cardinalityview.Drainer].
func (l *limiter) Drain(ctx context.Context) (held int) {
	l.draining.Store(true)
	l.flush(ctx, true)
	if l.storage != nil {
		return 0 // storage keeps what is left
	}
	return l.ledger.Usage().Held
}

// flush hands on deposits until none is left, if it is time or forced. Those that the next component does not
// take stay deposited: their senders already know them accepted.
func (l *limiter) flush(ctx context.Context, force bool) {
	for range maxFlushes {
		page := l.ledger.Take(nil, pcommon.NewTimestampFromTime(l.now()), force)
		if page == nil {
			return
		}
		md := pmetric.NewMetrics()
		l.overflow.write(page, md)
		if err := l.handOn(ctx, md, page); err != nil {
			l.logger.Debug("Overflow points were not accepted and wait for the next batch", zap.Error(err))
			return
		}
	}
}

// handOn calls the next consumer, unless there is nothing to call it with, and settles
// the page, which may be nil.
func (l *limiter) handOn(ctx context.Context, md pmetric.Metrics, page *ledger.Page) (err error) {
	delivered := false
	if page != nil {
		written := len(page.Lines)
		defer func() { // deferred, so that a panic further on does not keep the pen
			l.ledger.Settle(page, delivered)
			if delivered {
				l.tel.written(ctx, written)
			}
			l.tel.lost(ctx, l.ledger.Lost(), countOverflow)
		}()
	}
	if md.ResourceMetrics().Len() == 0 {
		return nil
	}
	err = l.next.ConsumeMetrics(ctx, md)
	delivered = err == nil
	return err
}
