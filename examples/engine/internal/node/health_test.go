// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
)

func TestThePipelineIsAsFullAsItsFullestQueue(t *testing.T) {
	a := &Node{streams: map[string]*junction.Junction{}}
	schema := &event.Schema{Stream: "S", Columns: []event.Column{{Name: "n", Type: event.Int}}}
	stock, idle := junction.New(nil, schema, junction.Policy{}), junction.New(nil, schema, junction.Policy{})
	a.streams["stock"], a.streams["idle"] = stock, idle
	empty, full := stock.Subscribe(8), stock.Subscribe(4)
	idle.Subscribe(64)
	if r := a.pipeline(); r.QueueDepth != 0 || r.Events != 0 {
		t.Errorf("before any event: %+v", r)
	}
	b := event.NewBatch(schema, 1)
	b.Append()
	for range 3 {
		if _, err := stock.Publish(context.Background(), junction.Message{Batch: b}); err != nil {
			t.Fatal(err)
		}
		empty.TryTake(time.Time{})
	}
	if r := a.pipeline(); r.QueueDepth != 3 || r.QueueCapacity != 4 || r.Events != 3 {
		t.Errorf("got %+v, want the queue with 3 of 4", r)
	}
	full.TryTake(time.Time{})
	if r := a.pipeline(); r.QueueDepth != 2 || r.Latency <= 0 {
		t.Errorf("got %+v, want 2 of 4 and how long the third waited", r)
	}
}

func TestTheStateIsNotWellWhileTheLastWriteFailed(t *testing.T) {
	s := testSetup(t)
	b, err := s.build(telemetry.Noop(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, b)
	if err := b.checkState(); err != nil {
		t.Errorf("before the first write: %v", err)
	}
	out := b.sinks[0]
	alert := event.NewBatch(b.plan.Streams["AlertStream"].Schema, 1)
	alert.Append()
	if err := out.Format(alert); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Send(context.Background()); err == nil {
		t.Fatal("written to a closed file")
	}
	if err := b.checkState(); err == nil || !strings.Contains(err.Error(), filepath.Base(s.sink)) {
		t.Errorf("err = %v, want the file's name in it", err)
	}
}

func TestTheThreeChecksRunAndSayThatAllIsWell(t *testing.T) {
	sdk, _ := startTelemetry(t)
	s := testSetup(t)
	b, err := s.build(sdk, "b")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all checks have run", func() bool { return sdk.Health().Status() == health.Healthy })
	names := map[string]health.Status{}
	for _, c := range sdk.Health().Report().Checks {
		names[c.Name] = c.Status
	}
	for _, name := range []string{"event_pipeline", "state_backend", "query_runtime"} {
		if names[name] != health.Healthy {
			t.Errorf("%s is %s", name, names[name])
		}
	}
	closeAll(t, b)
	if n := len(sdk.Health().Report().Checks); n != 0 {
		t.Errorf("%d checks run on after the end", n)
	}
	if err := sdk.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
