// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/eventflux-io/eventflux-otel/test/internal/otlp"
	"github.com/eventflux-io/eventflux-otel/test/internal/recorded"
	"github.com/eventflux-io/eventflux-otel/test/internal/run"
	"github.com/eventflux-io/eventflux-otel/test/internal/scrape"
)

// limiter is a collector that limits series, with a sender in front of it and a backend
// behind it.
type limiter struct {
	*run.Collector
	sender  *otlp.Sender
	backend *otlp.Backend
	env     map[string]string
}

// newLimiter starts testdata/limiter.yaml. The environment holds for later starts, too.
func newLimiter(t *testing.T, env map[string]string) *limiter {
	t.Helper()
	l := &limiter{
		Collector: run.NewCollector(t),
		backend:   otlp.NewBackend(fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))),
		env:       env,
	}
	if env["EVENTFLUX_OTLP_ENDPOINT"] == "" {
		env["EVENTFLUX_OTLP_ENDPOINT"] = l.backend.Addr()
	}
	l.sender = otlp.NewSender(t, l.Endpoint())
	l.backend.Start(t)
	l.start(t)
	return l
}

func (l *limiter) start(t *testing.T) {
	t.Helper()
	l.LaunchFile(filepath.Join(run.Root(t), "test", "e2e", "testdata", "limiter.yaml"), l.env)
	l.WaitReady()
}

// restarted starts the collector again and waits until it knows the series of before.
func (l *limiter) restarted(t *testing.T, series int) {
	t.Helper()
	l.start(t)
	run.Eventually(t, "the series of before are known", func() bool {
		return l.own("series_tracked", nil) == float64(series)
	})
}

// own returns the sum of one of the limiter's own metrics, 0 if it has none yet.
func (l *limiter) own(name string, match scrape.Labels) float64 {
	sum, _ := l.SelfMetrics().Sum("otelcol_cardinality_limit_"+name, match)
	return sum
}

// send sends a batch and returns the points that it made the backend get.
func (l *limiter) send(t *testing.T, b *batch) []recorded.Point {
	t.Helper()
	before := len(l.backend.Points())
	require.NoError(t, l.sender.Metrics(t.Context(), b.md))
	return l.backend.Points()[before:]
}

// batch is what some users of a shop did.
type batch struct {
	md pmetric.Metrics
	at time.Time
}

func newBatch() *batch { return &batch{pmetric.NewMetrics(), time.Now()} }

// sum adds a sum that does not have a point yet, of one instance of the shop.
func (b *batch) sum(instance int, name string, temporality pmetric.AggregationTemporality) pmetric.NumberDataPointSlice {
	rm := b.md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	rm.Resource().Attributes().PutStr("service.instance.id", strconv.Itoa(instance))
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(temporality)
	return sum.DataPoints()
}

// point adds a point of one user.
func (b *batch) point(to pmetric.NumberDataPointSlice, user int, value int64, since time.Time) {
	p := to.AppendEmpty()
	p.Attributes().PutStr("user", fmt.Sprintf("user-%d", user))
	p.SetIntValue(value)
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(since))
	p.SetTimestamp(pcommon.NewTimestampFromTime(b.at))
}

// orders is a batch of one instance in which each user up to n stands at value.
func orders(n int, value int64, since time.Time) (*batch, pmetric.NumberDataPointSlice) {
	b := newBatch()
	points := b.sum(0, "orders", pmetric.AggregationTemporalityCumulative)
	for user := range n {
		b.point(points, user, value, since)
	}
	return b, points
}

func isOverflow(p recorded.Point) bool {
	return recorded.Text(p.Attributes(), "otel.metric.overflow") == "true"
}

// split returns the users that points are of, and the points of overflow series.
func split(points []recorded.Point) (users []string, overflow []recorded.Point) {
	for _, p := range points {
		if isOverflow(p) {
			overflow = append(overflow, p)
		} else {
			users = append(users, recorded.Text(p.Attributes(), "user"))
		}
	}
	return users, overflow
}

func overflowOf(points []recorded.Point) []recorded.Point {
	_, overflow := split(points)
	return overflow
}

// instance returns the one instance that all overflow points are of.
func instance(t *testing.T, overflow []recorded.Point) string {
	t.Helper()
	require.NotEmpty(t, overflow)
	id := recorded.Text(overflow[0].Resource, "service.instance.id")
	require.NotEmpty(t, id)
	for _, p := range overflow {
		require.Equal(t, id, recorded.Text(p.Resource, "service.instance.id"))
	}
	return id
}

// standing returns what the last points of all series add up to. None may be below the one
// before it, and all points of a series must have the same start.
func standing(t *testing.T, points []recorded.Point) (total int64) {
	t.Helper()
	last := map[string]recorded.Point{}
	for _, p := range points {
		if before, ok := last[p.Series()]; ok {
			assert.GreaterOrEqual(t, p.IntValue(), before.IntValue(), "%s fell", p.Series())
			assert.Equal(t, before.StartTimestamp(), p.StartTimestamp(), "%s has two starts", p.Series())
		}
		last[p.Series()] = p
	}
	for _, p := range last {
		total += p.IntValue()
	}
	return total
}

func TestALimiterGoesOnAfterARestart(t *testing.T) {
	l := newLimiter(t, map[string]string{"LIMIT": "3"})
	since := time.Now()
	places := []string{"user-0", "user-1", "user-2"}

	b, _ := orders(10, 10, since)
	users, overflow := split(l.send(t, b))
	assert.Equal(t, places, users)
	assert.EqualValues(t, 7*10, standing(t, overflow))
	first, all := instance(t, overflow), overflow

	require.Zero(t, l.Stop())
	l.restarted(t, 3)
	b, points := orders(10, 15, since)
	b.point(points, 10, 7, time.Now().Add(-time.Millisecond))
	users, overflow = split(l.send(t, b))
	assert.Equal(t, places, users, "who had a place has it, and nobody else")
	assert.Equal(t, first, instance(t, overflow))
	all = append(all, overflow...)
	assert.EqualValues(t, 7*15+7, standing(t, all), "the totals go on, and a new series folds")

	l.Kill()
	l.restarted(t, 3)
	b, _ = orders(11, 20, since)
	users, overflow = split(l.send(t, b))
	assert.Equal(t, places, users)
	second := instance(t, overflow)
	assert.NotEqual(t, first, second, "nobody knows how far the totals had come")
	all = append(all, overflow...)

	b, _ = orders(11, 25, since)
	users, overflow = split(l.send(t, b))
	assert.Equal(t, places, users)
	assert.Equal(t, second, instance(t, overflow))
	all = append(all, overflow...)
	// The second life begins where the last snapshot was: at 10 for the seven, and with
	// nothing known of the eleventh, whose point before the crash is its baseline.
	assert.EqualValues(t, 7*15+7+7*(25-10)+(25-20), standing(t, all))
	assert.Equal(t, 1.0, l.own("points_out", scrape.Labels{"outcome": "dropped", "reason": "baseline"}))
}

// each is a batch in which each user up to n, of some instance, ordered once more.
func each(n, ofInstance int) *batch {
	b := newBatch()
	points := b.sum(ofInstance, "orders", pmetric.AggregationTemporalityDelta)
	for user := range n {
		b.point(points, user, 1, b.at.Add(-time.Millisecond))
	}
	return b
}

// amount is what all points add up to.
func amount(points []recorded.Point) (sum int64) {
	for _, p := range points {
		sum += p.IntValue()
	}
	return sum
}

func TestWhatNobodyTakesAtTheEndIsThereAfterARestart(t *testing.T) {
	l := newLimiter(t, map[string]string{"LIMIT": "3", "FLUSH_INTERVAL": "1h"})
	assert.Len(t, l.send(t, each(10, 0)), 3)
	l.backend.Stop()
	require.Zero(t, l.Stop())

	l.backend.Start(t)
	l.restarted(t, 3)
	assert.Equal(t, 7.0, l.own("overflow_points_held", nil))
	assert.Len(t, l.send(t, each(10, 0)), 3)
	require.Zero(t, l.Stop())
	points := l.backend.Points()
	instance(t, overflowOf(points))
	assert.EqualValues(t, 14, amount(overflowOf(points)))
	assert.EqualValues(t, 20, amount(points))
}

// Two agents with a limit of their own are before a gateway with a lower one.
func TestLimitersInARowLoseNothing(t *testing.T) {
	gateway := newLimiter(t, map[string]string{"LIMIT": "2"})
	for i := range 2 {
		agent := newLimiter(t, map[string]string{"LIMIT": "5", "EVENTFLUX_OTLP_ENDPOINT": gateway.Endpoint()})
		for range 3 {
			require.NoError(t, agent.sender.Metrics(t.Context(), each(20, i).md))
		}
	}
	points := gateway.backend.Points()
	users, overflow := split(points)
	assert.EqualValues(t, 2*3*20, amount(points))
	assert.Len(t, users, 2*3, "two series have a place")
	writers := map[string]bool{}
	for _, p := range overflow {
		writers[recorded.Text(p.Resource, "service.instance.id")] = true
	}
	assert.Len(t, writers, 3, "what overflowed at an agent stays that agent's")
}

func TestALimiterKnowsAHundredThousandSeriesAfterARestart(t *testing.T) {
	const batches, size = 20, 5_000
	l := newLimiter(t, map[string]string{"LIMIT": strconv.Itoa(batches * size)})
	for i := range batches {
		b := newBatch()
		points := b.sum(0, "orders", pmetric.AggregationTemporalityDelta)
		for user := range size {
			b.point(points, i*size+user, 1, b.at.Add(-time.Second))
		}
		require.NoError(t, l.sender.Metrics(t.Context(), b.md))
	}
	began := time.Now()
	require.Zero(t, l.Stop())
	stopped := time.Since(began)
	l.restarted(t, batches*size)
	t.Logf("%d series: %s from SIGTERM to the end, snapshot included, and %d bytes of storage", batches*size, stopped, stored(t, l))

	b := newBatch()
	b.point(b.sum(0, "orders", pmetric.AggregationTemporalityDelta), batches*size, 1, began)
	users, overflow := split(l.send(t, b))
	assert.Empty(t, users, "all places are taken")
	assert.NotEmpty(t, overflow)
}

// stored returns the size of what the limiter stores.
func stored(t *testing.T, l *limiter) (bytes int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(l.DataDir, "limiter", "*"))
	require.NoError(t, err)
	for _, path := range paths {
		bytes += size(path)
	}
	return bytes
}

// mount is a folder with a limits.yaml that changes as a mounted ConfigMap does: the file
// is a link through a link, and the second one is swapped.
type mount struct {
	dir     string
	version int
}

func (m *mount) path() string { return filepath.Join(m.dir, "limits.yaml") }

func (m *mount) write(t *testing.T, text string) {
	t.Helper()
	old := fmt.Sprintf("..%d", m.version)
	m.version++
	next := fmt.Sprintf("..%d", m.version)
	require.NoError(t, os.Mkdir(filepath.Join(m.dir, next), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, next, "limits.yaml"), []byte(text), 0o600))
	require.NoError(t, os.Symlink(next, filepath.Join(m.dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")))
	if m.version == 1 {
		require.NoError(t, os.Symlink(filepath.Join("..data", "limits.yaml"), m.path()))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(m.dir, old)))
}

func TestLimitsChangeWithAConfigMap(t *testing.T) {
	limits := &mount{dir: t.TempDir()}
	limits.write(t, "max_series_per_metric: 4\n")
	l := newLimiter(t, map[string]string{"LIMIT": "2", "OVERRIDES_FILE": limits.path()})
	reloads := func(result string) float64 { return l.own("overrides_reloads", scrape.Labels{"result": result}) }
	passing := func() int {
		users, _ := split(l.send(t, each(10, 0)))
		return len(users)
	}
	assert.Equal(t, 4, passing(), "the file holds from the start")

	limits.write(t, "overrides: [{name: orders, max_series_per_metric: 6}]\n")
	run.Eventually(t, "the second file is in force", func() bool { return reloads("accepted") == 2 })
	assert.Equal(t, 6, passing())

	limits.write(t, "overrides: [{name: orders, max_serie_per_metric: 9}]\n")
	run.Eventually(t, "the bad file is rejected", func() bool { return reloads("rejected") == 1 })
	assert.Equal(t, 6, passing(), "what was in force stays")
	assert.Equal(t, 2.0, reloads("accepted"))
	assertCalm(t, l.Output(), "The overrides file is wrong", "max_serie_per_metric", limits.path())

	limits.write(t, "max_series_per_metric: 8\n")
	run.Eventually(t, "the third file is in force", func() bool { return reloads("accepted") == 3 })
	assert.Equal(t, 8, passing())
	limits.write(t, "max_series_per_metric: 1\n")
	run.Eventually(t, "the fourth file is in force", func() bool { return reloads("accepted") == 4 })
	assert.Equal(t, 8, passing(), "nobody loses a place to a lower limit")
	assert.Equal(t, 1.0, reloads("rejected"))
}

// offenders is as much of the /cardinality document as is looked at.
type offenders struct {
	Processors []struct {
		Processor string
		Metrics   []struct {
			Tenant, Metric string
			Demand         int
			Attributes     []struct {
				Key                   string
				Values, SeriesWithout int
			}
		}
		WhatIf []struct {
			Limit   int `json:"max_series_per_metric"`
			Metrics int `json:"metrics_over"`
			Refused int `json:"series_refused"`
		} `json:"what_if"`
	}
}

func TestTheAttributeThatExplodesIsShownFirst(t *testing.T) {
	l := newLimiter(t, map[string]string{"LIMIT": "20"})
	b := newBatch()
	for i, name := range []string{"orders", "visits"} {
		points := b.sum(0, name, pmetric.AggregationTemporalityDelta)
		for n := range 400 / (i + 1) {
			b.point(points, n, 1, b.at.Add(-time.Second))
			attributes := points.At(n).Attributes()
			attributes.PutStr("country", fmt.Sprintf("country-%d", n%8))
			attributes.PutBool("member", n%2 == 0)
		}
	}
	l.send(t, b)

	code, body := l.Probe("/cardinality?top=5&what_if=100,300,1000")
	require.Equal(t, http.StatusOK, code, body)
	var got offenders
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Len(t, got.Processors, 1)
	p := got.Processors[0]
	assert.Equal(t, "cardinality_limit", p.Processor)
	require.Len(t, p.Metrics, 2)
	for i, want := range []struct {
		metric string
		demand int
	}{{"orders", 400}, {"visits", 200}} {
		m := p.Metrics[i]
		assert.Equal(t, want.metric, m.Metric)
		assert.Equal(t, "shop", m.Tenant)
		assert.InEpsilon(t, want.demand, m.Demand, 0.15, "five standard errors")
		require.NotEmpty(t, m.Attributes)
		assert.Equal(t, "user", m.Attributes[0].Key)
	}
	require.Len(t, p.WhatIf, 3)
	assert.Equal(t, []int{2, 1, 0}, []int{p.WhatIf[0].Metrics, p.WhatIf[1].Metrics, p.WhatIf[2].Metrics})
	assert.InEpsilon(t, 300+100, p.WhatIf[0].Refused, 0.25)
	assert.InEpsilon(t, 100, p.WhatIf[1].Refused, 0.6, "the error of 400 is that of the difference")
	assert.Zero(t, p.WhatIf[2].Refused)
	assert.Contains(t, l.Output(), `"attribute": "user"`, "a warning names it, too")
}

// Two limiters cannot write to one file, and one that is alone would not know what the
// other admitted.
func TestLimitersOfTwoPipelinesNeedTwoNames(t *testing.T) {
	text := read(t, filepath.Join("testdata", "limiter.yaml"))
	second := "  pipelines:\n    metrics/second: {receivers: [otlp], processors: [%s], exporters: [otlp_grpc]}\n"
	write := func(processor string) string {
		path := filepath.Join(t.TempDir(), "limiter.yaml")
		changed := strings.Replace(text, "  pipelines:\n", fmt.Sprintf(second, processor), 1)
		changed = strings.Replace(changed, "  cardinality_limit:\n", "  cardinality_limit/second: {storage: file_storage/limiter}\n  cardinality_limit:\n", 1)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
		return path
	}
	env := map[string]string{"LIMIT": "3", "EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1"}
	c := run.NewCollector(t)
	c.LaunchFile(write("cardinality_limit"), env)
	assert.NotZero(t, c.Wait())
	assertCalm(t, c.Output(), "give each a name, such as cardinality_limit/second")

	c.LaunchFile(write("cardinality_limit/second"), env)
	c.WaitReady()
	assert.Zero(t, c.Stop())
}

func TestShippedLimitersAreShownAndRemember(t *testing.T) {
	for config, stores := range map[string]bool{"standalone": false, "agent": true, "gateway": true} {
		t.Run(config, func(t *testing.T) {
			c := run.StartCollector(t, config, map[string]string{"EVENTFLUX_OTLP_ENDPOINT": "127.0.0.1:1", "EVENTFLUX_GATEWAY": "127.0.0.1:1"})
			resource := map[string]string{"service.name": "engine", "service.instance.id": "1"}
			require.NoError(t, otlp.NewSender(t, c.Endpoint()).Gauge(t.Context(), resource, "eventflux.uptime", 1))
			code, body := c.Probe("/cardinality")
			require.Equal(t, http.StatusOK, code, body)
			assert.Contains(t, body, `"tenants":[{"tenant":"engine",`)
			for _, prefix := range []string{"processor_cardinality_limit", "exporter_otlp_grpc"} {
				files, err := filepath.Glob(filepath.Join(c.DataDir, "queue", prefix+"*"))
				require.NoError(t, err)
				assert.Equal(t, stores, len(files) > 0, "%s has a file of its own in the storage", prefix)
			}
		})
	}
}
