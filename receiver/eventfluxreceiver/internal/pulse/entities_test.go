// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/engines"
)

// said spells events as instance, name, and reason or description.
func said(ld plog.Logs) []string {
	var all []string
	for _, rl := range ld.ResourceLogs().All() {
		r := rl.ScopeLogs().At(0).LogRecords().At(0)
		attrs := r.Attributes().AsRaw()
		id := attrs["entity.id"].(map[string]any)
		text := fmt.Sprintf("%v %s %s", id["service.instance.id"], r.EventName(), r.SeverityNumber())
		for _, key := range []string{"entity.delete.reason", "entity.description", "entity.report.interval"} {
			if v, ok := attrs[key]; ok {
				text += fmt.Sprintf(" %v", v)
			}
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func TestTheLifeOfAnEngineIsToldAsEntityEvents(t *testing.T) {
	w := NewEntities(time.Minute)
	a := life("a", engineview.StateUp)
	a.Resource.PutStr("service.version", "1")
	other := life("a", engineview.StateUp)
	other.Resource.PutStr("service.version", "2")
	silent := other
	silent.State = engineview.StateSilent
	stopped := other
	stopped.State = engineview.StateShutdown
	reported := other
	reported.Reported = true
	state1, state2 := "a entity.state Info map[service.version:1] 60", "a entity.state Info map[service.version:2] 60"
	for _, step := range []struct {
		name  string
		after int // seconds from the start
		lives []engines.Life
		want  []string
	}{
		{"it comes", 0, []engines.Life{a}, []string{state1}},
		{"nothing changes", 30, []engines.Life{a}, nil},
		{"a minute later", 60, []engines.Life{a}, []string{state1}},
		{"another version", 70, []engines.Life{other}, []string{state2}},
		{"it is silent", 80, []engines.Life{silent}, []string{"a entity.delete Warn expired"}},
		{"it stays so", 200, []engines.Life{silent}, nil},
		{"it comes back", 210, []engines.Life{other}, []string{state2}},
		{"it says goodbye", 220, []engines.Life{stopped}, []string{"a entity.delete Info terminated"}},
		{"it comes back again", 230, []engines.Life{other}, []string{state2}},
		{"another receiver reports", 240, []engines.Life{reported}, nil},
		{"and no longer", 250, []engines.Life{other}, []string{state2}},
		{"there is no room", 260, nil, []string{"a entity.delete Info evicted"}},
		{"it is gone", 270, nil, nil},
	} {
		got := said(w.Write(step.lives, now.Add(time.Duration(step.after)*time.Second)))
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}
