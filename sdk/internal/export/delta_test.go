// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/cells"
)

func TestDeltaSumsAndHistogramsReportWhatWasAdded(t *testing.T) {
	r := NewRegistry(Options{Delta: true})
	c, _ := r.Counter(requests)
	up, _ := r.Counter(size)
	h, _ := r.Histogram(latency)
	c.Add(3)
	up.Add(3)
	h.Observe(5e8)
	h.ObserveExemplar(cells.Exemplar{Value: 2e9, Time: time.Now()})
	first := produce(t, r)
	c.Add(4)
	up.Add(4)
	h.Observe(15e8)
	second := produce(t, r)

	one, two := sum1(t, first["requests"]), sum1(t, second["requests"])
	assert.Equal(t, int64(3), one.Value)
	assert.Equal(t, int64(4), two.Value)
	assert.Equal(t, one.Time, two.StartTime, "intervals touch")
	assert.Equal(t, metricdata.DeltaTemporality, second["requests"].(metricdata.Sum[int64]).Temporality)

	assert.Equal(t, int64(7), sum1(t, second["size"]).Value, "a sum that goes down stays cumulative")
	assert.Equal(t, metricdata.CumulativeTemporality, second["size"].(metricdata.Sum[int64]).Temporality)

	p, q := first["latency"].(metricdata.Histogram[float64]).DataPoints[0], second["latency"].(metricdata.Histogram[float64]).DataPoints[0]
	assert.Equal(t, []uint64{1, 1}, p.BucketCounts)
	assert.Len(t, p.Exemplars, 1)
	assert.Equal(t, []uint64{0, 1}, q.BucketCounts)
	assert.Equal(t, uint64(1), q.Count)
	assert.InDelta(t, 1.5, q.Sum, 1e-9)
	assert.Empty(t, q.Exemplars, "an exemplar belongs to one interval")
	assert.Equal(t, p.Time, q.StartTime)
}

func TestNanosecondsAreExportedInSeconds(t *testing.T) {
	r := NewRegistry(Options{})
	c, _ := r.Counter(busy)
	c.Add(1_500_000_000)
	r.Func(busy, func() float64 { return 0.25 })
	data := produce(t, r)["busy"]
	require.IsType(t, metricdata.Sum[float64]{}, data)
	assert.InDelta(t, 1.75, data.(metricdata.Sum[float64]).DataPoints[0].Value, 1e-12)
}
