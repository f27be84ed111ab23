// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// recorder keeps the first export: the value of each series, of a histogram its count, and the spans.
type recorder struct {
	series map[string]float64
	spans  tracetest.SpanStubs
}

func (r *recorder) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.spans = append(r.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (r *recorder) Shutdown(context.Context) error { return nil }

type metrics struct {
	metric.Exporter // unset: only the methods below are called

	r *recorder
}

func (metrics) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}

func (metrics) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (m metrics) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	if len(m.r.series) > 0 {
		return nil
	}
	note := func(name string, attrs attribute.Set, v float64) {
		for _, kv := range attrs.ToSlice() {
			name += " " + kv.Value.AsString()
		}
		m.r.series[name] = v
	}
	for _, scope := range rm.ScopeMetrics {
		for _, one := range scope.Metrics {
			switch data := one.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					note(one.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					note(one.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					note(one.Name, p.Attributes, float64(p.Count))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					note(one.Name, p.Attributes, float64(p.Count))
				}
			}
		}
	}
	return nil
}

func (metrics) ForceFlush(context.Context) error { return nil }
func (metrics) Shutdown(context.Context) error   { return nil }

type noLogs struct{}

func (noLogs) Export(context.Context, []sdklog.Record) error { return nil }
func (noLogs) ForceFlush(context.Context) error              { return nil }
func (noLogs) Shutdown(context.Context) error                { return nil }

func TestEveryPartTellsWhatItDid(t *testing.T) {
	ctx, r := context.Background(), &recorder{series: map[string]float64{}}
	cfg := telemetry.DefaultConfig()
	cfg.Level = telemetry.Detail
	cfg.Metrics.Interval = time.Hour
	sdk, err := telemetry.Start(ctx, cfg, telemetry.WithLogWriter(io.Discard),
		telemetry.WithExporters(telemetry.Exporters{Spans: r, Metrics: metrics{r: r}, Logs: noLogs{}}))
	if err != nil {
		t.Fatal(err)
	}
	app := sdk.App("orders")
	dir := t.TempDir()
	p, err := openPipeline(dir, LogConfig{App: app}) // its first checkpoint completes
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, 2, 2} {
		if err := p.log.Take(ctx, message(&p.names, "a", n), "a", n); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	id, _ := p.c.Begin(now)
	p.c.Report(id, "log", nil, errors.New("no"))
	p.c.Wait()
	p.c.Begin(now)
	p.c.Expire(now.Add(time.Hour))
	p.c.Wait()
	p.c.Begin(now)
	stopped, stop := context.WithCancel(ctx)
	stop()
	_ = p.log.Take(stopped, message(&p.names, "a", 3), "a", 3)
	if err := p.log.Run(ctx, stopped, p.publish, p.c); err != nil {
		t.Fatal(err)
	}
	p.c.Wait()
	p.c.Begin(now)
	if ok, err := New(p.store, p.c.parts, &p.names, app).Recover(func(string, []byte) error { return nil }); !ok || err != nil {
		t.Fatal(err)
	}
	if err := sdk.ForceFlush(ctx); err != nil {
		t.Error(err)
	}
	p.c.Expire(now.Add(time.Hour))
	p.close()
	app.Close()
	if err := sdk.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	const state, persistence, checkpoint = "eventflux.state.", "eventflux.persistence.", "eventflux.checkpoint."
	for series, want := range map[string]float64{
		state + "entries bbolt": 2, state + "size bbolt": -1,
		state + "operations bbolt checkpoint success": 2, state + "operation.duration bbolt checkpoint": 2,
		state + "operations bbolt restore success": 2, state + "operation.duration bbolt restore": 2,
		persistence + "operations bbolt save success": 2, persistence + "operation.duration bbolt save": 2,
		persistence + "operations bbolt load success": 2, persistence + "operation.duration bbolt load": 2,
		checkpoint + "attempts aligned success": 2, checkpoint + "duration aligned success": 2,
		checkpoint + "attempts aligned failure": 1, checkpoint + "duration aligned failure": 1,
		checkpoint + "attempts aligned timeout": 1, checkpoint + "duration aligned timeout": 1,
		checkpoint + "size aligned": 2, checkpoint + "in_progress aligned": 1, checkpoint + "last_success.age aligned": -1,
		checkpoint + "components aligned success": 2, checkpoint + "components aligned timeout": 1,
		"eventflux.recovery.attempts success": 1, "eventflux.recovery.duration success": 1, "eventflux.recovery.io": -1,
		"eventflux.wal.entries": 2, "eventflux.wal.io": float64(p.log.bytes.Load()), "eventflux.wal.size": float64(p.log.bytes.Load()),
		"eventflux.wal.segments": 1, "eventflux.wal.sync.duration": 3, "eventflux.wal.errors take": 1,
	} {
		if got, exported := r.series[series]; !exported || got != want && want >= 0 || got < 0 || want < 0 && got == 0 {
			t.Errorf("%s = %v (exported: %v), want %v", series, got, exported, want)
		}
	}
	spans := map[string]int{}
	for _, s := range r.spans {
		name := []string{s.Name, s.Status.Code.String()}
		for _, kv := range s.Attributes {
			if kv.Key == "eventflux.state.component" {
				name = append(name, kv.Value.AsString())
			}
		}
		spans[strings.Join(name, " ")]++
	}
	for name, want := range map[string]int{
		"checkpoint aligned Unset": 2, "checkpoint aligned Error": 3, "state.recover Unset": 1,
		"checkpoint.component Unset log": 2, "checkpoint.component Error log": 3,
		"checkpoint.component Unset query": 2, "checkpoint.component Error query": 3,
	} {
		if spans[name] != want {
			t.Errorf("%d spans %s, want %d", spans[name], name, want)
		}
	}
}
