// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

const (
	warnInterval   = time.Minute
	warnsPerPeriod = 10
	maxLoggedName  = 200
)

// warner logs what a human should look at, at most ten lines a minute of each kind.
type warner struct {
	logger *zap.Logger
	limits *Config

	mu                             sync.Mutex
	metricsFull, explained, noRoom allowance
}

// allowance lets a number of lines through per interval and counts the others.
type allowance struct {
	since      time.Time
	used       int
	suppressed int
}

func newWarner(logger *zap.Logger, limits *Config) *warner {
	return &warner{logger: logger, limits: limits}
}

// full is called once per metric of a tenant, when one of its series is refused for the
// first time.
func (w *warner) full(tenant, metric string, why reason, r *rule.Rule, now time.Time) {
	suppressed, ok := w.allow(&w.metricsFull, now)
	if !ok {
		return
	}
	message := "Metric has as many series as it may have; "
	limit := zap.Int("max_series_per_metric", r.Series)
	switch why {
	case tableFull:
		message = "No more series may be tracked; "
		limit = zap.Int("max_series", w.limits.MaxSeries)
	case tenantFull:
		message = "Tenant has as many series as it may have; "
		limit = zap.Int("max_series_per_tenant", w.limits.perTenant())
	case attributeFull:
		message = "Attribute has as many values as it may have; "
		limit = zap.Int("max_values_per_attribute", r.Values)
	}
	switch r.Action {
	case rule.Observe:
		message += "points of further series pass, because the action is observe"
	case rule.Drop:
		message += "points of further series are dropped"
	default:
		message += "points of further series are folded into overflow series"
	}
	w.logger.Warn(message, zap.String("tenant", clip(tenant)), zap.String("metric", clip(metric)), limit,
		zap.String("fix", "find the attribute with ever new values and remove it at its source, or raise the limit"),
		zap.Int("suppressed", suppressed))
}

// explain is called once per metric of a tenant, when it is known what makes it explode.
func (w *warner) explain(m *offenders.Metric, now time.Time) {
	suppressed, ok := w.allow(&w.explained, now)
	if !ok {
		return
	}
	fields := []zap.Field{
		zap.String("tenant", clip(m.Tenant)), zap.String("metric", clip(m.Metric)),
		zap.Int("refused_series", m.RefusedSeries), zap.Int("suppressed", suppressed),
	}
	if len(m.Keys) > 0 {
		worst := m.Keys[0]
		samples := make([]string, 0, len(worst.Samples))
		for _, sample := range worst.Samples {
			samples = append(samples, sample.Value)
		}
		fields = append(fields, zap.String("attribute", clip(worst.Key)), zap.Int("values", worst.Values),
			zap.Int("series_without", worst.Remaining), zap.Strings("samples", samples))
	}
	w.logger.Warn("Metric wants more series than it may have; this attribute has most to do with it", fields...)
}

// metricLimit is called for every batch with a metric for which there is no room.
func (w *warner) metricLimit(metric string, now time.Time) {
	suppressed, ok := w.allow(&w.noRoom, now)
	if !ok {
		return
	}
	w.logger.Warn("No more metrics may be tracked; points of further metrics are dropped",
		zap.String("metric", clip(metric)), zap.Int("max_metrics", w.limits.MaxMetrics),
		zap.String("fix", "keep variable parts out of metric names at their source, or raise the limit"),
		zap.Int("suppressed", suppressed))
}

// valuesFull is called once per attribute key of a tenant, when a value of it in a log record
// or a span is refused for the first time.
func (w *warner) valuesFull(signal, tenant, key string, why reason, r *rule.Key, now time.Time) {
	suppressed, ok := w.allow(&w.metricsFull, now)
	if !ok {
		return
	}
	message := "Attribute has as many values as it may have; "
	limit := zap.Int("max_values_per_attribute", r.Values)
	switch why {
	case tableFull:
		message = "No more values of attributes may be tracked; "
		limit = zap.Int("max_values", w.limits.Attributes.MaxValues)
	case tenantFull:
		message = "Tenant has as many values of attributes as it may have; "
		limit = zap.Int("max_values", w.limits.Attributes.MaxValues)
	case attributeLimit:
		message = "No more attributes may be tracked; "
		limit = zap.Int("max_attributes", w.limits.Attributes.MaxAttributes)
	}
	switch r.Action {
	case rule.KeyObserve:
		message += "further values stay, because the action is observe"
	case rule.KeyDrop:
		message += "attributes with further values are removed"
	default:
		message += "further values are replaced"
	}
	w.logger.Warn(message, zap.String("signal", signal), zap.String("tenant", clip(tenant)), zap.String("attribute", clip(key)), limit,
		zap.String("fix", "keep ever new values out of the attribute at its source, raise the limit, or add the key to exempt_keys"),
		zap.Int("suppressed", suppressed))
}

// allow returns whether a line may be logged, and how many were not since the last.
func (w *warner) allow(a *allowance, now time.Time) (suppressed int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(a.since) >= warnInterval {
		a.since, a.used = now, 0
	}
	if a.used >= warnsPerPeriod {
		a.suppressed++
		return 0, false
	}
	a.used++
	suppressed, a.suppressed = a.suppressed, 0
	return suppressed, true
}

// clip shortens a name that somebody else chose without cutting a character in two.
func clip(name string) string {
	if len(name) <= maxLoggedName {
		return name
	}
	end := maxLoggedName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "..."
}
