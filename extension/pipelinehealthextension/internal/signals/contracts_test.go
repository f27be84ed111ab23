// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"reflect"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// knowing is a source that knows what engines send.
type knowing struct {
	list
	contracts []engineview.Contract
}

func (k knowing) Contract(instance string) []engineview.Contract {
	var found []engineview.Contract
	for _, c := range k.contracts {
		if c.InstanceID == instance {
			found = append(found, c)
		}
	}
	return found
}

func TestContractsOfSeveralReceivers(t *testing.T) {
	at := func(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }
	first := knowing{contracts: []engineview.Contract{
		{
			Name: "flux", InstanceID: "a", Version: "1", FirstSeen: at(0), LastSeen: at(10),
			Sends: []string{"b", "d"}, Lacks: []string{"a", "c"},
			Violations: []engineview.Violation{{Rule: "wrong_unit", Breaches: 2, Rejected: 1, First: "later", FirstSeen: at(5), LastSeen: at(9)}},
		},
		{Name: "flux", InstanceID: "other"},
	}}
	second := knowing{contracts: []engineview.Contract{
		{
			Name: "flux", InstanceID: "a", Version: "2", FirstSeen: at(1), LastSeen: at(20),
			Sends: []string{"a", "b"}, Lacks: []string{"c", "d"},
			Violations: []engineview.Violation{
				{Rule: "wrong_type", Breaches: 7, First: "type", FirstSeen: at(3)},
				{Rule: "wrong_unit", Breaches: 3, Rejected: 3, First: "first", FirstSeen: at(2), LastSeen: at(7)},
			},
		},
		{Name: "another", InstanceID: "a"},
	}}
	var e Engines
	if got := e.Contracts("a"); got != nil {
		t.Fatalf("%+v before any receiver", got)
	}
	e.Register(list{})
	e.Register(first)
	e.Register(second)
	want := []engineview.Contract{
		{Name: "another", InstanceID: "a"},
		{
			Name: "flux", InstanceID: "a", Version: "2", FirstSeen: at(0), LastSeen: at(20),
			Sends: []string{"a", "b", "d"}, Lacks: []string{"c"},
			Violations: []engineview.Violation{
				{Rule: "wrong_unit", Breaches: 5, Rejected: 4, First: "first", FirstSeen: at(2), LastSeen: at(9)},
				{Rule: "wrong_type", Breaches: 7, First: "type", FirstSeen: at(3)},
			},
		},
	}
	if got := e.Contracts("a"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := e.Contracts("nobody"); got != nil {
		t.Errorf("%+v of an engine that is not there", got)
	}
}
