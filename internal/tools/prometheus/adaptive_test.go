// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	day  = 24 * time.Hour
	step = 150 * time.Second // between two scrapes: two of them lie in the 5 minutes of the rules
)

// engine is a Prometheus whose clock the test turns.
type engine struct {
	t       *testing.T
	store   *teststorage.TestStorage
	loaded  []*promrules.Group
	groups  []*promrules.Group
	now     time.Time
	noise   *rand.Rand
	counter map[string]float64
	fired   map[string]bool
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, store: teststorage.New(t), noise: rand.New(rand.NewPCG(1, 2)), counter: map[string]float64{}, fired: map[string]bool{}}
	e.now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) // a Monday
	query := promql.NewEngine(promql.EngineOpts{
		Logger: promslog.NewNopLogger(), MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() { assert.NoError(t, query.Close()) })
	m := promrules.NewManager(&promrules.ManagerOptions{
		QueryFunc: promrules.EngineQueryFunc(query, e.store), AppendableV2: e.store, Queryable: e.store,
		Context: t.Context(), Logger: promslog.NewNopLogger(), Parser: parser.NewParser(parser.Options{}),
		NotifyFunc: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
			for _, a := range alerts {
				if a.State == promrules.StateFiring {
					e.fired[a.Labels.Get("alertname")] = true
				}
			}
		},
	})
	var files []string
	for _, path := range glob(t, "alerts/*.yml") {
		files = append(files, filepath.Join(root, path))
	}
	loaded, errs := m.LoadGroups(step, labels.EmptyLabels(), "", nil, false, files...)
	require.Empty(t, errs)
	for _, g := range loaded {
		for _, r := range g.Rules() {
			if a, ok := r.(*promrules.AlertingRule); ok {
				a.SetRestored(true)
			}
		}
		e.loaded = append(e.loaded, g)
	}
	return e
}

// evaluate says which groups of rules are evaluated from now on, and in which order.
func (e *engine) evaluate(names ...string) {
	e.t.Helper()
	e.groups = nil
	for _, name := range names {
		before := len(e.groups)
		for _, g := range e.loaded {
			if g.Name() == name {
				e.groups = append(e.groups, g)
			}
		}
		require.Greater(e.t, len(e.groups), before, name)
	}
}

// load is what one query has to do, and how it does it.
type load struct{ events, latency, errors float64 } // events per second, seconds per batch, share of batches

// season is the load at a time of the week: a wave over the day, half as high at weekends.
func season(now time.Time) load {
	wave := 1 + 0.6*math.Sin(2*math.Pi*float64(now.Unix()%86400)/86400)
	if d := now.Weekday(); d == time.Saturday || d == time.Sunday {
		wave /= 2
	}
	return load{events: 1000 * wave, latency: 0.01 + 0.01*wave, errors: 0.001}
}

// run lets the load go on for a while, with noise of 5 % and as change has it, and returns the alerts that fired in it.
func (e *engine) run(d time.Duration, change func(*load)) []string {
	e.t.Helper()
	clear(e.fired)
	for end := e.now.Add(d); e.now.Before(end); e.now = e.now.Add(step) {
		l := season(e.now)
		change(&l)
		for _, v := range []*float64{&l.events, &l.latency, &l.errors} {
			*v *= 1 + 0.05*e.noise.NormFloat64()
		}
		seconds := step.Seconds()
		batches := l.events / 100 * seconds
		e.count("query_events_processed_total", l.events*seconds, "stream_name", "s")
		e.count("eventflux_query_batches_total", batches)
		e.count("query_latency_seconds_count", batches)
		e.count("query_latency_seconds_sum", batches*l.latency)
		e.count("query_latency_seconds_bucket", batches, "le", "0.1") // every batch is faster
		e.count("query_latency_seconds_bucket", batches, "le", "+Inf")
		e.count("query_execution_errors_total", batches*l.errors, "error_type", "x")
		for _, g := range e.groups {
			g.Eval(e.t.Context(), e.now)
		}
	}
	return slices.Sorted(maps.Keys(e.fired))
}

func (e *engine) count(name string, by float64, more ...string) {
	e.t.Helper()
	l := labels.FromStrings(append([]string{"__name__", name, "job", "e", "instance", "i", "query_id", "q"}, more...)...)
	e.counter[l.String()] += by
	app := e.store.AppenderV2(e.t.Context())
	_, err := app.Append(0, l, 0, e.now.UnixMilli(), e.counter[l.String()], nil, nil, storage.AOptions{})
	require.NoError(e.t, err)
	require.NoError(e.t, app.Commit())
}

func usual(*load) {}

// An anomaly that no fixed limit sees is told, a week like the last one is not.
func TestWhatIsUnusualIsToldAndANormalWeekIsNot(t *testing.T) {
	e := newEngine(t)
	adaptive := []string{"eventflux-adaptive-now", "eventflux-adaptive-usual", "eventflux-adaptive"}
	e.evaluate(adaptive...)
	assert.Empty(t, e.run(7*day, usual), "nothing is known of the week before")
	assert.Empty(t, e.run(7*day, usual), "a normal week")

	e.evaluate(append(adaptive, "eventflux-query-latency", "eventflux-slo-ratios", "eventflux-slo", "eventflux-query")...)
	for _, tt := range []struct {
		what  string
		alert string
		do    func(*load)
	}{
		{"the rate is halved", "QueryThroughputUnusual", func(l *load) { l.events /= 2 }},
		{"the rate is doubled", "QueryThroughputUnusual", func(l *load) { l.events *= 2 }},
		{"batches take twice as long, and less than 0.1 s", "QueryLatencyUnusual", func(l *load) { l.latency *= 2 }},
		{"0.5 % of the batches fail", "QueryErrorsUnusual", func(l *load) { l.errors = 0.005 }},
	} {
		assert.Equal(t, []string{tt.alert}, e.run(time.Hour, tt.do), tt.what)
		assert.Equal(t, []string{tt.alert}, e.run(15*time.Minute, usual), "%s: it has not lasted long enough to resolve", tt.what)
		e.run(30*time.Minute, usual)
		assert.Empty(t, e.run(2*time.Hour, usual), "%s: it has resolved", tt.what)
	}
}
