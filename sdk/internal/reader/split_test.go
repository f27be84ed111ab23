// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// everyKind is one metric of each kind of data, each with n points.
func everyKind(n int) []metricdata.Aggregation {
	return []metricdata.Aggregation{
		metricdata.Sum[int64]{DataPoints: make([]metricdata.DataPoint[int64], n), IsMonotonic: true},
		metricdata.Sum[float64]{DataPoints: make([]metricdata.DataPoint[float64], n), Temporality: metricdata.DeltaTemporality},
		metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], n)},
		metricdata.Gauge[float64]{DataPoints: make([]metricdata.DataPoint[float64], n)},
		metricdata.Histogram[int64]{DataPoints: make([]metricdata.HistogramDataPoint[int64], n)},
		metricdata.Histogram[float64]{DataPoints: make([]metricdata.HistogramDataPoint[float64], n)},
		metricdata.ExponentialHistogram[int64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[int64], n)},
		metricdata.ExponentialHistogram[float64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[float64], n)},
	}
}

func TestARequestHasAtMostTheLimitOfPointsAndNoneIsLost(t *testing.T) {
	res := resource.NewSchemaless(attribute.String("service.name", "orders"))
	for _, limit := range []int{1, 2, 3, 7, 24, 25, 1000} {
		rm := &metricdata.ResourceMetrics{Resource: res}
		for i, data := range everyKind(3) {
			scope := instrumentation.Scope{Name: []string{"a", "b"}[i/4]}
			rm.ScopeMetrics = append(rm.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope, Metrics: []metricdata.Metrics{{Name: string(rune('k' + i)), Data: data}}})
		}
		points := make(map[string]int)
		requests := split(rm, limit)
		assert.Len(t, requests, (24+limit-1)/limit)
		for _, request := range requests {
			assert.Same(t, res, request.Resource)
			size := 0
			for _, scope := range request.ScopeMetrics {
				for _, m := range scope.Metrics {
					_, n := part(m.Data, 0, 1000)
					assert.Positive(t, n)
					size += n
					points[scope.Scope.Name+m.Name] += n
				}
			}
			assert.LessOrEqual(t, size, limit)
		}
		assert.Equal(t, map[string]int{"ak": 3, "al": 3, "am": 3, "an": 3, "bo": 3, "bp": 3, "bq": 3, "br": 3}, points)
	}
}

func TestAMetricKeepsItsKindInEveryRequest(t *testing.T) {
	for _, data := range everyKind(2) {
		requests := split(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "m", Unit: "s", Data: data}}}}}, 1)
		assert.Len(t, requests, 2)
		for _, request := range requests {
			m := request.ScopeMetrics[0].Metrics[0]
			assert.Equal(t, "s", m.Unit)
			assert.IsType(t, data, m.Data)
		}
		sum, ok := data.(metricdata.Sum[int64])
		assert.True(t, !ok || sum.IsMonotonic)
	}
}

func TestNoPointsMakeNoRequest(t *testing.T) {
	assert.Empty(t, split(&metricdata.ResourceMetrics{}, 10))
	empty := []metricdata.Metrics{{Name: "m", Data: metricdata.Gauge[int64]{}}, {Name: "n"}}
	assert.Empty(t, split(&metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: empty}}}, 10))
}
