// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// goroutineLabels returns the labels of the goroutines that have any, as the goroutine profile prints them.
func goroutineLabels(t *testing.T) string {
	t.Helper()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	var found []string
	for text := range strings.Lines(profile.String()) {
		if _, labels, ok := strings.Cut(text, "# labels: "); ok {
			found = append(found, strings.TrimSpace(labels))
		}
	}
	return strings.Join(found, " ")
}

func TestWorkOnABatchIsLabelled(t *testing.T) {
	for name, traces := range map[string]Traces{"traced": {}, "not traced": {PerQuery: -1}} {
		t.Run(name, func(t *testing.T) {
			w := local(t, Config{Profiling: true, Traces: traces}).App("orders").Query("q1").Worker()
			host := pprof.WithLabels(context.Background(), pprof.Labels("host", "mine"))
			pprof.SetGoroutineLabels(host)
			defer pprof.SetGoroutineLabels(context.Background())
			check := func(step, want string) {
				t.Helper()
				if got := goroutineLabels(t); got != want {
					t.Errorf("%s: labels are %s, want %s", step, got, want)
				}
			}
			b := w.Begin(host, Arrival{Count: 1})
			check("batch", `{"query.id":"q1"}`)
			window := b.Span(StageWindow)
			check("stage", `{"processor.type":"window", "query.id":"q1"}`)
			leaf := window.Span(StageAccumulate)
			check("leaf", `{"processor.type":"window", "query.id":"q1"}`)
			inner := leaf.Span(StageExpression)
			check("inner leaf", `{"processor.type":"expression", "query.id":"q1"}`)
			inner.End()
			inner.End()
			check("after the inner leaf", `{"processor.type":"window", "query.id":"q1"}`)
			leaf.End()
			window.End()
			check("after the stage", `{"query.id":"q1"}`)
			late := b.Span(StageJoin)
			b.End()
			check("after the batch", `{"host":"mine"}`)
			late.End()
			b.Span(StageJoin).End()
			check("after a late end", `{"host":"mine"}`)
		})
	}
}

func TestWithoutProfilingNothingIsLabelled(t *testing.T) {
	b := unsampled(t).App("orders").Query("q1").Worker().Begin(context.Background(), Arrival{Count: 1})
	s := b.Span(StageWindow)
	if got := goroutineLabels(t); got != "" {
		t.Errorf("labels are %s", got)
	}
	s.End()
	b.End()
}

func TestACPUProfileCarriesTheLabels(t *testing.T) {
	w := local(t, Config{Profiling: true, Traces: Traces{PerQuery: -1}}).App("orders").Query("q-profiled").Worker()
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Skip("another profile is running:", err)
	}
	b := w.Begin(context.Background(), Arrival{Count: 1})
	s := b.Span(StageAggregation)
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; { // samples come every 10 ms of CPU time
		keepGoing = !keepGoing
	}
	s.End()
	b.End()
	pprof.StopCPUProfile()
	zipped, err := gzip.NewReader(&profile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zipped) // its string table is plain
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"query.id", "q-profiled", "processor.type", "aggregation"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in the profile", want)
		}
	}
}

func TestALabelledBatchThatIsNotTracedAllocatesNothing(t *testing.T) {
	q := local(t, Config{Profiling: true, Traces: Traces{PerQuery: -1}}).App("orders").Query("q1")
	in, out, w, ctx := q.Input("In"), q.Output("Out"), q.Worker(), context.Background()
	if n := testing.AllocsPerRun(1000, func() { oneBatch(ctx, w, in, out, "sliding") }); n != 0 {
		t.Errorf("a batch allocated %v times", n)
	}
}

// BenchmarkBatchLabelled is BenchmarkBatchUnsampled with one stage, without and with profile labels.
func BenchmarkBatchLabelled(b *testing.B) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		b.Run(name, func(b *testing.B) {
			w := local(b, Config{Profiling: on, Traces: Traces{PerQuery: -1}}).App("orders").Query("q1").Worker()
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				batch := w.Begin(ctx, Arrival{Count: 64})
				batch.Span(StageWindow).End()
				batch.End()
			}
		})
	}
}

func TestLabelsCanBeAskedForWhileAProfileRuns(t *testing.T) {
	sdk := local(t, Config{})
	w := sdk.App("orders").Query("q1").Worker()
	labelled := func() string {
		b := w.Begin(context.Background(), Arrival{Count: 1})
		defer b.End()
		return goroutineLabels(t)
	}
	if got := labelled(); got != "" {
		t.Errorf("labels without a profile: %s", got)
	}
	stop, other := sdk.LabelProfiles(), sdk.LabelProfiles()
	stop()
	stop() // only the first call counts
	if got, want := labelled(), `{"query.id":"q1"}`; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
	other()
	if got := labelled(); got != "" {
		t.Errorf("labels after the profile: %s", got)
	}
	(*SDK)(nil).LabelProfiles()()
}
