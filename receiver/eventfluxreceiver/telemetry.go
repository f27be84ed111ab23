// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/contract"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadata"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/series"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

// metadataFormat names the data format in the receiver's own spans.
const metadataFormat = "otlp"

var (
	nameMissing       = metric.WithAttributeSet(attribute.NewSet(attribute.String("missing", "service.name")))
	instanceMissing   = metric.WithAttributeSet(attribute.NewSet(attribute.String("missing", "service.instance.id")))
	pointsTagged      = metric.WithAttributeSet(attribute.NewSet(attribute.String("done", "tagged")))
	pointsDropped     = metric.WithAttributeSet(attribute.NewSet(attribute.String("done", "dropped")))
	conflictProcess   = metric.WithAttributeSet(attribute.NewSet(attribute.String("conflict", "process")))
	conflictPrincipal = metric.WithAttributeSet(attribute.NewSet(attribute.String("conflict", "principal")))
)

// ruleSets and repairSets are the attributes of each rule and repair.
var ruleSets = func() (sets [contract.RuleCount]metric.MeasurementOption) {
	for i, rule := range contract.Rules() {
		sets[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("rule", rule.String())))
	}
	return sets
}()

// rejectedSets are those of what each rule took out, by signal.
var rejectedSets = func() (sets [signalCount][contract.RuleCount]metric.MeasurementOption) {
	for s, name := range signalNames {
		for i, rule := range contract.Rules() {
			sets[s][i] = metric.WithAttributeSet(attribute.NewSet(
				attribute.String("rule", rule.String()), attribute.String("signal", name)))
		}
	}
	return sets
}()

// signalSets are those of each signal alone.
var signalSets = func() (sets [signalCount]metric.MeasurementOption) {
	for s, name := range signalNames {
		sets[s] = metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", name)))
	}
	return sets
}()

var repairSets = func() (sets [contract.RepairCount]metric.MeasurementOption) {
	for i, repair := range contract.Repairs() {
		sets[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("repair", repair.String())))
	}
	return sets
}()

// telemetry is everything the receiver says about itself.
type telemetry struct {
	builder *metadata.TelemetryBuilder
	grpc    *receiverhelper.ObsReport
	http    *receiverhelper.ObsReport
	// internal is for what the receiver makes itself.
	internal *receiverhelper.ObsReport
}

func newTelemetry(set receiver.Settings, list *engines.Registry, known *series.Store) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{builder: builder}
	if t.grpc, err = newObsReport(set, server.GRPC); err != nil {
		return nil, err
	}
	if t.http, err = newObsReport(set, server.HTTP); err != nil {
		return nil, err
	}
	if t.internal, err = newObsReport(set, "internal"); err != nil {
		return nil, err
	}
	if err = builder.RegisterReceiverEventfluxEnginesCallback(func(_ context.Context, o metric.Int64Observer) error {
		observeEngines(o, list.Engines(time.Now()))
		return nil
	}); err != nil {
		return nil, err
	}
	if err = builder.RegisterReceiverEventfluxSeriesKnownCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(known.Len())
		return nil
	}); err != nil {
		return nil, err
	}
	err = builder.RegisterReceiverEventfluxEnginesEvictedCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(list.Evicted())
		return nil
	})
	return t, err
}

func newObsReport(set receiver.Settings, transport server.Transport) (*receiverhelper.ObsReport, error) {
	return receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              string(transport),
		ReceiverCreateSettings: set,
	})
}

// observeEngines reports each state, at zero too, so that an alert on a state
// has a series before the first engine is in it.
func observeEngines(o metric.Int64Observer, seen []engineview.Engine) {
	count := map[engineview.State]int64{}
	for _, e := range seen {
		count[e.State]++
	}
	for _, state := range []engineview.State{engineview.StateUp, engineview.StateSilent, engineview.StateShutdown} {
		o.Observe(count[state], metric.WithAttributes(attribute.String("state", state.String())))
	}
}

func (t *telemetry) obs(transport server.Transport) *receiverhelper.ObsReport {
	if transport == server.GRPC {
		return t.grpc
	}
	return t.http
}

// took counts the items of a request that came, and let those of one that is done:
// what is between is in flight.
func (t *telemetry) took(ctx context.Context, of itemKind, items int) {
	t.builder.ReceiverEventfluxItemsInFlight.Add(ctx, int64(items), signalSets[of])
	t.builder.ReceiverEventfluxItemsReceived.Add(ctx, int64(items), signalSets[of])
}

func (t *telemetry) let(ctx context.Context, of itemKind, items int) {
	t.builder.ReceiverEventfluxItemsInFlight.Add(ctx, -int64(items), signalSets[of])
}

// assigned counts the resources that needed an identity.
func (t *telemetry) assigned(ctx context.Context, id contract.Identity) {
	if id.NameAssigned {
		t.builder.ReceiverEventfluxIdentitiesAssigned.Add(ctx, 1, nameMissing)
	}
	if id.InstanceAssigned {
		t.builder.ReceiverEventfluxIdentitiesAssigned.Add(ctx, 1, instanceMissing)
	}
}

// checked counts breaches of the contract and what was done about them, by rule alone:
// the names come from the sender and are not bounded.
func (t *telemetry) checked(ctx context.Context, of itemKind, did *contract.Report) {
	for i, rule := range ruleSets {
		if n := did.Found[i]; n > 0 {
			t.builder.ReceiverEventfluxContractViolations.Add(ctx, int64(n), rule)
		}
		if n := did.Rejected[i]; n > 0 {
			t.builder.ReceiverEventfluxContractRejected.Add(ctx, int64(n), rejectedSets[of][i])
		}
	}
	for i, repair := range repairSets {
		if n := did.Repaired[i]; n > 0 {
			t.builder.ReceiverEventfluxContractRepaired.Add(ctx, int64(n), repair)
		}
	}
	if did.Tagged > 0 {
		t.builder.ReceiverEventfluxPointsUnknown.Add(ctx, int64(did.Tagged), pointsTagged)
	}
	if did.Dropped > 0 {
		t.builder.ReceiverEventfluxPointsUnknown.Add(ctx, int64(did.Dropped), pointsDropped)
	}
}

// superseded counts the points of reports that the receiver knows better than.
func (t *telemetry) superseded(ctx context.Context, points int) {
	t.builder.ReceiverEventfluxReportsSuperseded.Add(ctx, int64(points))
}

// conflict counts a resource that uses the identity of another live engine.
func (t *telemetry) conflict(ctx context.Context, with metric.MeasurementOption) {
	t.builder.ReceiverEventfluxIdentityConflicts.Add(ctx, 1, with)
}

// unlearned counts the series that there was no room for, at each look.
func (t *telemetry) unlearned(ctx context.Context, series int) {
	t.builder.ReceiverEventfluxSeriesRefused.Add(ctx, int64(series))
}

// ended counts the series of dead engines that were ended.
func (t *telemetry) ended(ctx context.Context, series int) {
	t.builder.ReceiverEventfluxSeriesEnded.Add(ctx, int64(series))
}

func (t *telemetry) shutdown() {
	t.builder.Shutdown()
}
