// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/budget"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/metadata"
)

// recordOutcome is what became of a log record or a span.
type recordOutcome uint8

const (
	passedRecord   recordOutcome = iota // all of its values have a place or need none
	observedRecord                      // some have none, and it passed as it was
	changedRecord                       // some have none and are not in it any more
	recordOutcomes
)

var recordOutcomeNames = [recordOutcomes]string{"passed", "observed", "changed"}

// valueOutcome is what became of a value of an attribute.
type valueOutcome uint8

const (
	passedValue   valueOutcome = iota // it has a place
	exemptValue                       // it needs none
	observedValue                     // it has none and stays
	replacedValue                     // another value stands for it
	droppedValue                      // it was removed with its attribute
	valueOutcomes
)

var valueOutcomeNames = [valueOutcomes]string{"passed", "exempt", "observed", "replaced", "dropped"}

// ofKeyVerdict returns why a value that was refused has no place.
func ofKeyVerdict(v budget.Verdict) reason {
	switch v {
	case budget.MetricFull:
		return attributeFull
	case budget.MetricLimit:
		return attributeLimit
	default:
		return ofVerdict(v)
	}
}

// recordTally counts what became of the records of one batch and their values.
type recordTally struct {
	records [recordOutcomes]int
	values  [valueOutcomes][reasons]int
}

// recordTelemetry is the only place that touches the instruments of a [recordLimiter].
type recordTelemetry struct {
	builder *metadata.TelemetryBuilder

	reloads reloads
	plain   []metric.AddOption
	records [recordOutcomes][]metric.AddOption
	values  [valueOutcomes][reasons][]metric.AddOption
}

func newRecordTelemetry(set processor.Settings, l *recordLimiter) (*recordTelemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	own := []attribute.KeyValue{attribute.String("processor", set.ID.String()), attribute.String("signal", l.signal)}
	option := func(attributes ...attribute.KeyValue) []metric.AddOption {
		return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(append(attributes, own...)...))}
	}
	t := &recordTelemetry{builder: builder, reloads: newReloads(builder, own[0]), plain: option()}
	for o := range t.records {
		t.records[o] = option(attribute.String("outcome", recordOutcomeNames[o]))
	}
	for o := range t.values {
		outcome := attribute.String("outcome", valueOutcomeNames[o])
		t.values[o][noReason] = option(outcome)
		for _, r := range []reason{attributeFull, attributeLimit, tableFull, tenantFull} {
			t.values[o][r] = option(outcome, attribute.String("reason", reasonNames[r]))
		}
	}
	return t, t.observe(own, l)
}

// observe registers what is read when somebody asks.
func (t *recordTelemetry) observe(own []attribute.KeyValue, l *recordLimiter) error {
	plain := metric.WithAttributeSet(attribute.NewSet(own...))
	read := func(read func() int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(read()), plain)
			return nil
		}
	}
	b := t.builder
	return errors.Join(
		b.RegisterCardinalityLimitRecordAttributesFullCallback(read(func() int { return l.values.Usage().MetricsFull })),
		b.RegisterCardinalityLimitRecordAttributesLimitCallback(read(func() int { return l.policy.Load().limits.Metrics })),
		b.RegisterCardinalityLimitRecordAttributesTrackedCallback(read(func() int { return l.values.Usage().Metrics })),
		b.RegisterCardinalityLimitRecordValuesExpiredCallback(read(func() int { return int(l.values.Churn().Expired) })),
		b.RegisterCardinalityLimitRecordValuesLimitCallback(read(func() int { return l.policy.Load().limits.Series })),
		b.RegisterCardinalityLimitRecordValuesTrackedCallback(read(func() int { return l.values.Usage().Series })),
		b.RegisterCardinalityLimitRecordValuesDemandCallback(func(_ context.Context, o metric.Int64Observer) error {
			for _, m := range l.offenders(listed, nil).Metrics {
				o.Observe(int64(m.Demand), metric.WithAttributes(own...), metric.WithAttributes(
					attribute.String("tenant", m.Tenant), attribute.String("key", m.Metric)))
			}
			return nil
		}),
	)
}

func (t *recordTelemetry) record(ctx context.Context, batch *recordTally) {
	in := 0
	for o, n := range batch.records {
		in += n
		if n > 0 {
			t.builder.CardinalityLimitRecordsOut.Add(ctx, int64(n), t.records[o]...)
		}
	}
	t.builder.CardinalityLimitRecordsIn.Add(ctx, int64(in), t.plain...)
	for o := range batch.values {
		for r, n := range batch.values[o] {
			if n > 0 {
				t.builder.CardinalityLimitRecordValues.Add(ctx, int64(n), t.values[o][r]...)
			}
		}
	}
}

func (t *recordTelemetry) shutdown() {
	t.builder.Shutdown()
}
