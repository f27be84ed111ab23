// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/internal/semconv"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func life(instance string, state engineview.State) engines.Life {
	resource := pcommon.NewMap()
	resource.PutStr("service.name", "engine")
	resource.PutStr("service.instance.id", instance)
	return engines.Life{
		Identity: engines.Identity{Name: "engine", Instance: instance},
		State:    state, LastSeen: now.Add(-3 * time.Second),
		Resource: resource, Since: now.Add(-time.Minute),
	}
}

// write returns the points of a round by instance, name and state; "end" is a point
// without a value.
func write(l *Ledger, r Round) map[string]string { return writeTo(l, r, nil) }

// writeTo is write to one who answers with err.
func writeTo(l *Ledger, r Round, err error) map[string]string {
	r.Now = now
	got := map[string]string{}
	l.Write(r, func(md pmetric.Metrics) error {
		for _, rm := range md.ResourceMetrics().All() {
			instance, _ := rm.Resource().Attributes().Get("service.instance.id")
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				for _, p := range numbers(m).All() {
					key := instance.Str() + " " + m.Name()
					if state, ok := p.Attributes().Get(AttrState); ok {
						key += " " + state.Str()
					}
					got[key] = value(p)
				}
			}
		}
		return err
	})
	return got
}

func numbers(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}

func value(p pmetric.NumberDataPoint) string {
	if p.Flags().NoRecordedValue() {
		return "end"
	}
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return fmt.Sprint(p.IntValue())
	}
	return fmt.Sprint(p.DoubleValue())
}

func TestAnEngineHasItsSeriesUntilItIsForgotten(t *testing.T) {
	l := NewLedger()
	a := life("a", engineview.StateUp)
	a.Restarts, a.Skew, a.SkewKnown = 2, 1500*time.Millisecond, true
	want := map[string]string{
		"a eventflux.up":                    "1",
		"a eventflux.engine.state up":       "1",
		"a eventflux.engine.state silent":   "0",
		"a eventflux.engine.state shutdown": "0",
		"a eventflux.engine.last_seen.age":  "3",
		"a eventflux.engine.restarts":       "2",
		"a eventflux.engine.clock.skew":     "1.5",
	}
	if got := write(l, Round{Engines: []engines.Life{a}}); !maps.Equal(got, want) {
		t.Errorf("new: %v", got)
	}
	if got := write(l, Round{Engines: []engines.Life{a}}); len(got) != 0 {
		t.Errorf("nothing changed, and yet %v", got)
	}
	if got := write(l, Round{Engines: []engines.Life{a}, All: true}); !maps.Equal(got, want) {
		t.Errorf("an interval later: %v", got)
	}
	a.State = engineview.StateSilent
	got := write(l, Round{Engines: []engines.Life{a}})
	if got["a eventflux.up"] != "0" || got["a eventflux.engine.state silent"] != "1" || got["a eventflux.engine.state up"] != "0" {
		t.Errorf("silent: %v", got)
	}
	a.Restarts++
	if got := write(l, Round{Engines: []engines.Life{a}}); got["a eventflux.engine.restarts"] != "3" {
		t.Errorf("restarted: %v", got)
	}
	for key := range want {
		want[key] = "end"
	}
	if got := writeTo(l, Round{}, errors.New("the queue is full")); !maps.Equal(got, want) {
		t.Errorf("forgotten: %v", got)
	}
	if got := write(l, Round{}); !maps.Equal(got, want) {
		t.Errorf("forgotten: %v", got)
	}
	if got := write(l, Round{All: true}); len(got) != 0 {
		t.Errorf("ended, and yet %v", got)
	}
}

func TestOneVoiceSpeaksOfAnEngine(t *testing.T) {
	l := NewLedger()
	a := life("a", engineview.StateUp)
	write(l, Round{Engines: []engines.Life{a}})
	a.Reported = true
	if got := write(l, Round{Engines: []engines.Life{a}, All: true}); len(got) != 0 {
		t.Errorf("another receiver reports, and yet %v", got)
	}
	if got := write(l, Round{}); len(got) != 0 {
		t.Errorf("the series is of the other receiver, and yet %v", got)
	}
	a.Reported = false
	if got := write(l, Round{Engines: []engines.Life{a}}); got["a eventflux.up"] != "1" {
		t.Errorf("the other receiver fell silent: %v", got)
	}
}

func TestAnAgentSpeaksForItselfWhileItLives(t *testing.T) {
	l := NewLedger()
	self := pcommon.NewMap()
	self.PutStr("service.instance.id", "me")
	agent := life("host", engineview.StateUp)
	for _, step := range []struct {
		name string
		do   func() Round
		want map[string]string
	}{
		{
			"alive", func() Round { return Round{Agents: []engines.Life{agent}, Self: &self, All: true} },
			map[string]string{"me eventflux.agent.up": "1"},
		},
		{
			"silent", func() Round {
				agent.State = engineview.StateSilent
				return Round{Agents: []engines.Life{agent}, Self: &self}
			},
			map[string]string{"host eventflux.agent.up": "0"},
		},
		{
			"still silent", func() Round { return Round{Agents: []engines.Life{agent}} },
			map[string]string{},
		},
		{
			"an interval later", func() Round { return Round{Agents: []engines.Life{agent}, All: true} },
			map[string]string{"host eventflux.agent.up": "0"},
		},
		{
			"back, which it may have said before it was last called silent", func() Round {
				agent.State = engineview.StateUp
				return Round{Agents: []engines.Life{agent}}
			},
			map[string]string{"host eventflux.agent.up": "1"},
		},
		{
			"still there", func() Round { return Round{Agents: []engines.Life{agent}, All: true} },
			map[string]string{},
		},
		{
			"silent again", func() Round {
				agent.State = engineview.StateSilent
				return Round{Agents: []engines.Life{agent}}
			},
			map[string]string{"host eventflux.agent.up": "0"},
		},
		{"forgotten", func() Round { return Round{} }, map[string]string{"host eventflux.agent.up": "end"}},
		{
			"reported by another", func() Round { agent.Reported = true; return Round{Agents: []engines.Life{agent}, All: true} },
			map[string]string{},
		},
	} {
		if got := write(l, step.do()); !maps.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
}

func TestBatchesAreBounded(t *testing.T) {
	var all []engines.Life
	for i := range 1200 {
		all = append(all, life(fmt.Sprint(i), engineview.StateUp))
	}
	var sizes []int
	largest := 0
	NewLedger().Write(Round{Engines: all, Now: now}, func(md pmetric.Metrics) error {
		sizes = append(sizes, md.ResourceMetrics().Len())
		largest = max(largest, (&pmetric.ProtoMarshaler{}).MetricsSize(md))
		return nil
	})
	if !slices.Equal(sizes, []int{500, 500, 200}) || largest > 4<<20 {
		t.Errorf("batches of %v engines, the largest of %d bytes", sizes, largest)
	}
}

func TestEveryMetricIsThatOfTheConventions(t *testing.T) {
	l := NewLedger()
	a, agent := life("a", engineview.StateUp), life("b", engineview.StateSilent)
	a.SkewKnown = true
	written := map[string]bool{}
	note := func(md pmetric.Metrics) error {
		for _, rm := range md.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				written[m.Name()] = m.Unit() != "" && m.Description() != ""
			}
		}
		return nil
	}
	l.Write(Round{Engines: []engines.Life{a}, Agents: []engines.Life{agent}, Now: now}, note)
	if err := note(Canary{Resource: pcommon.NewMap(), Now: now}.Point()); err != nil {
		t.Error(err)
	}
	want := map[string]bool{}
	for m := range semconv.Derived() {
		want[m.Name()] = true
	}
	if !reflect.DeepEqual(written, want) {
		t.Errorf("wrote %v, want %v", written, want)
	}
}
