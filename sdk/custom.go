// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/export"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"
)

// customPrefix is put before the names of metrics that queries declare.
const customPrefix = "eventflux.custom."

// Limits of what queries may declare.
const (
	maxCustomMetrics    = 200 // names per SDK
	maxCustomSeries     = 200 // attribute sets per query and name
	maxCustomAttributes = 4   // besides query.id
)

// Column is one metric that a query emits, as in SELECT ... EMIT METRICS. It is exported as
// "eventflux.custom.<Name>" with query.id and the declared attributes.
type Column struct {
	Name       string   // lower case words joined by "." or "_", at most 63 bytes
	Total      bool     // values add up (a counter); otherwise the newest one counts (a gauge)
	Unit       string   // UCUM, such as "s" or "{trade}"; may be empty
	Attributes []string // keys that Emit may give, at most 4; their values must be few
}

// EmitMetrics declares the columns that Emit may be called with, once, at deploy. It reports every column that
// cannot be exported; the others work.
func (q *Query) EmitMetrics(columns ...Column) error {
	if q == nil {
		return nil
	}
	var errs []error
	for _, c := range columns {
		errs = append(errs, q.declare(c))
	}
	return errors.Join(errs...)
}

// Emit records a value of a declared column. Attributes must be among the declared ones; those left out are
// empty. A value is dropped and counted in eventflux.telemetry.custom.dropped if its column was not declared, if
// it is not a number (a total must not be negative either), or if the column has 200 attribute sets already. It
// costs a map look-up and takes a lock: emit results, not events. Safe for concurrent use.
func (q *Query) Emit(name string, value float64, attrs ...attribute.KeyValue) {
	if q == nil {
		return
	}
	q.mu.Lock()
	c := q.custom[name]
	q.mu.Unlock()
	q.sdk.custom.dropped.count(c.emit(value, attrs))
}

var customName = regexp.MustCompile(`^[a-z][a-z0-9]*([._][a-z0-9]+)*$`)

func (q *Query) declare(c Column) error {
	if !customName.MatchString(c.Name) || len(c.Name) > 63 {
		return fmt.Errorf("could not declare column %q: want a name of lower case words joined by \".\" or \"_\", at most 63 bytes", c.Name)
	}
	if len(c.Attributes) > maxCustomAttributes {
		return fmt.Errorf("could not declare column %q: it has %d attributes, at most %d can be exported", c.Name, len(c.Attributes), maxCustomAttributes)
	}
	f, err := q.sdk.custom.family(c)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.custom == nil {
		q.custom = make(map[string]*customColumn)
	}
	if _, again := q.custom[c.Name]; again {
		return fmt.Errorf("could not declare column %q: query %q has declared it already", c.Name, q.id)
	}
	q.custom[c.Name] = &customColumn{of: &q.handle, family: f, keys: slices.Clone(c.Attributes), total: c.Total}
	return nil
}

// customMetrics are the families that queries declared.
type customMetrics struct {
	mu       sync.Mutex
	families map[string]*export.Family
	dropped  customDrops
}

// family returns the family of a column: queries may share one, if they mean the same.
func (m *customMetrics) family(c Column) (*export.Family, error) {
	want := export.Family{Name: customPrefix + c.Name, Description: "Declared by a query.", Unit: c.Unit, Kind: export.Gauge}
	if c.Total {
		want.Kind, want.PerUnit = export.Counter, 1
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, known := m.families[c.Name]
	switch {
	case known && (f.Kind != want.Kind || f.Unit != want.Unit):
		return nil, fmt.Errorf("could not declare column %q: another query declared it with another unit or kind", c.Name)
	case known:
		return f, nil
	case len(m.families) >= maxCustomMetrics:
		return nil, fmt.Errorf("could not declare column %q: %d names are declared already, which is the limit", c.Name, maxCustomMetrics)
	}
	if m.families == nil {
		m.families = make(map[string]*export.Family)
	}
	m.families[c.Name] = &want
	return &want, nil
}

// customColumn is one declared column of one query. A nil one was never declared.
type customColumn struct {
	of     *handle
	family *export.Family
	keys   []string
	total  bool

	mu     sync.Mutex
	series map[[maxCustomAttributes]string]*customValue
}

// customValue is one series: the bits of a float64.
type customValue struct{ bits atomic.Uint64 }

func (v *customValue) load() float64 { return math.Float64frombits(v.bits.Load()) }

// emit takes a value in, and answers why not if it does not.
func (c *customColumn) emit(value float64, attrs []attribute.KeyValue) semconv.DropReasonValue {
	if c == nil {
		return semconv.DropReasonUndeclared
	}
	if math.IsNaN(value) || math.IsInf(value, 0) || (c.total && value < 0) {
		return semconv.DropReasonInvalid
	}
	var values [maxCustomAttributes]string
	for _, kv := range attrs {
		i := slices.Index(c.keys, string(kv.Key))
		if i < 0 {
			return semconv.DropReasonUndeclared
		}
		values[i] = kv.Value.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, known := c.series[values]
	if !known {
		if len(c.series) >= maxCustomSeries {
			return semconv.DropReasonLimit
		}
		v = c.bind(values)
	}
	if c.total {
		value += v.load()
	}
	v.bits.Store(math.Float64bits(value))
	return ""
}

func (c *customColumn) bind(values [maxCustomAttributes]string) *customValue {
	if c.series == nil {
		c.series = make(map[[maxCustomAttributes]string]*customValue)
	}
	attrs := slices.Clone(c.of.attrs)
	for i, key := range c.keys {
		attrs = append(attrs, attribute.String(key, strings.Clone(values[i])))
	}
	v := &customValue{}
	c.series[values] = v
	c.of.own.release(c.of.sdk.registry.Func(c.family, v.load, attrs...))
	return v
}

// customDrops counts values of Emit that were not taken in.
type customDrops struct{ undeclared, invalid, limit atomic.Uint64 }

func (d *customDrops) count(reason semconv.DropReasonValue) {
	switch reason {
	case semconv.DropReasonUndeclared:
		d.undeclared.Add(1)
	case semconv.DropReasonInvalid:
		d.invalid.Add(1)
	case semconv.DropReasonLimit:
		d.limit.Add(1)
	}
}

// each reports the counts.
func (d *customDrops) each(emit func(float64, ...attribute.KeyValue)) {
	emit(float64(d.undeclared.Load()), semconv.DropReason(semconv.DropReasonUndeclared))
	emit(float64(d.invalid.Load()), semconv.DropReason(semconv.DropReasonInvalid))
	emit(float64(d.limit.Load()), semconv.DropReason(semconv.DropReasonLimit))
}
