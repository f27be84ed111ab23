// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package cardinalitylimitprocessor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/identity"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/offenders"
	"github.com/eventflux-io/eventflux-otel/processor/cardinalitylimitprocessor/internal/rule"
)

// Defaults of the options. They are meant to be out of the way of honest input.
//
// An engine with 1000 queries, each reading two to three of its 1000 streams, has up to
// 2500 series of one metric. Four dozen such engines behind one gateway have 120 000, and
// twice that for as long as series_ttl after a restart of them all, because a new
// service.instance.id makes every series a new one: 240 000, rounded up to 250 000.
//
// Over its twenty metrics such an engine has up to 30 000 series; the same gateway, again
// with all engines restarted once, has 2.9 million, rounded up to 3 million for one tenant.
// A quarter of the whole is left for the others.
const (
	defaultMaxSeriesPerMetric   = 250_000
	defaultMaxSeriesPerTenant   = 3_000_000
	defaultMaxSeries            = 4_000_000
	defaultMaxTenants           = 1_000
	defaultMaxMetrics           = 2_000
	defaultSeriesTTL            = 20 * time.Minute
	defaultMaxSources           = 250_000
	defaultMaxOverflow          = 10_000
	defaultOffenders            = 256
	defaultMaxOverflowPerMetric = 100
	defaultAttributeValue       = "otel.cardinality_overflow"
)

const (
	minSeriesTTL  = time.Second
	maxSeriesTTL  = 30 * 24 * time.Hour
	maxMaxSeries  = 1_000_000_000
	maxMaxMetrics = 1_000_000
	maxMaxTenants = 1_000_000
	maxOffenders  = 10_000
)

// defaultExempt are metrics about telemetry itself. Whoever loses these does not see what
// else is lost.
var defaultExempt = []string{
	"otelcol_*", "otelcol.*", "target_info", "up", "scrape_*",
	"eventflux.up", "eventflux_up", "eventflux.engine.*", "eventflux_engine_*", "eventflux.agent.*", "eventflux_agent_*",
}

// Config is the configuration of the processor.
type Config struct {
	// MaxSeries is how many series may be tracked over all tenants and metrics. It bounds
	// the memory of the processor to 11 to 16 bytes per series. Default 4000000.
	MaxSeries int `mapstructure:"max_series"`

	// MaxSeriesPerTenant is the share of one tenant. It must not exceed MaxSeries. 0, the
	// default, is three quarters of it.
	MaxSeriesPerTenant int `mapstructure:"max_series_per_tenant"`

	// MaxSeriesPerMetric is how many series one metric, told by its name, may have within
	// one tenant, over all its resources. It must not exceed MaxSeriesPerTenant. Series
	// that arrive marked as overflow series are counted apart from all others, against a
	// limit of the same size. 0, the default, is a sixteenth of MaxSeries.
	MaxSeriesPerMetric int `mapstructure:"max_series_per_metric"`

	// MaxValuesPerAttribute is how many values one attribute of one metric may have within
	// one tenant. 0, the default, leaves that to MaxSeriesPerMetric.
	MaxValuesPerAttribute int `mapstructure:"max_values_per_attribute"`

	// MaxTenants is how many tenants have a share of their own. Further ones share one.
	// Default 1000.
	MaxTenants int `mapstructure:"max_tenants"`

	// MaxMetrics is how many metrics, told by their names, may be tracked. Points of further
	// metrics are dropped. Default 2000.
	MaxMetrics int `mapstructure:"max_metrics"`

	// LendUntil lets a tenant have more than its share for as long as less than this part
	// of MaxSeries is used by all. From 0, never, to 1. Default 0.
	LendUntil float64 `mapstructure:"lend_until"`

	// SeriesTTL is how long a series keeps its place without a point. Up to a twentieth of it
	// may pass before the place is free. From 1s to 720h. Default 20m.
	SeriesTTL time.Duration `mapstructure:"series_ttl"`

	// Tenant says whose a series is.
	Tenant TenantConfig `mapstructure:"tenant"`

	// Count is what takes a place: "series", the default, or "entities": a label set
	// under a resource, decided on once for all of its metrics.
	Count string `mapstructure:"count"`

	// Action is what becomes of the points of series that have no room: "observe",
	// "fold_attribute" (the default), "fold" or "drop". One that cannot be taken gives way
	// to the next.
	Action rule.Action `mapstructure:"action"`

	// Keep says whose the places of a metric are: "first_seen" (the default), or
	// "heaviest": a series that weighs more by half for some minutes takes the place of the
	// lightest. What a delta adds is its weight, or the value of a cumulative one, or the
	// count of a histogram; points of gauges weigh one each.
	Keep string `mapstructure:"keep"`

	// ProtectedAttributes are never folded away.
	ProtectedAttributes []string `mapstructure:"protected_attributes"`

	// Gauge is how gauges fold: "last" (the default), "min", "max" or "sum".
	Gauge string `mapstructure:"gauge"`

	// OnMemoryCap is what becomes of points for which MaxSeries leaves no room, or
	// MaxFoldedSources no memory: "fold" (the default; drops what cannot be folded),
	// "drop" or "pass".
	OnMemoryCap string `mapstructure:"on_memory_cap"`

	// MaxFoldedSources is how many cumulative series may be folded at once: each costs
	// memory for its last value. Default 250000.
	MaxFoldedSources int `mapstructure:"max_folded_sources"`

	// Attributes bounds the values of the attributes of log records and spans.
	Attributes AttributesConfig `mapstructure:"attributes"`

	// MaxStartAge is how long ago a cumulative series may have started for its first point
	// to be folded whole. Older ones are taken for series that were written before, under
	// their own name or by another replica, and only what they add from then on counts. Not
	// more than SeriesTTL, which 0, the default, stands for. Where series move from replica
	// to replica it should be about one export interval.
	MaxStartAge time.Duration `mapstructure:"max_start_age"`

	// Overflow says how overflow series look.
	Overflow OverflowConfig `mapstructure:"overflow"`

	// Offenders says what is kept of metrics that want more than they may have.
	Offenders OffendersConfig `mapstructure:"offenders"`

	// HealthExtension is the pipeline_health extension that shows offenders over HTTP.
	HealthExtension *component.ID `mapstructure:"health_extension"`

	// ExemptMetrics are globs of names of metrics that pass uncounted. Overrides come first.
	ExemptMetrics []string `mapstructure:"exempt_metrics"`

	// Overrides change what holds for single metrics. Of several that match a metric the
	// first holds.
	Overrides []OverrideConfig `mapstructure:"overrides"`

	// OverridesFile is a YAML file with limits and overrides that take effect within a
	// second of a change of it. One that is wrong leaves the limits that are in force.
	OverridesFile string `mapstructure:"overrides_file"`

	// Storage is the extension (such as file_storage) that keeps what the limiter knows over
	// a restart of the collector.
	Storage *component.ID `mapstructure:"storage"`

	// SnapshotInterval is how often it is stored: a crash forgets what came since. From 1s
	// to 1h. Default 1m.
	SnapshotInterval time.Duration `mapstructure:"snapshot_interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TenantConfig says what makes a tenant.
type TenantConfig struct {
	// ResourceAttributes are the attributes that a tenant's resources have in common.
	// Default service.namespace and service.name: the instance would make every restart a
	// new tenant. Empty: there is one tenant.
	ResourceAttributes []string `mapstructure:"resource_attributes"`

	// ClientMetadata are keys of the metadata that a receiver keeps of a request
	// (include_metadata), used instead of ResourceAttributes if not empty.
	ClientMetadata []string `mapstructure:"client_metadata"`

	_ struct{}
}

// OverflowConfig says how overflow series look. All are marked otel.metric.overflow=true.
type OverflowConfig struct {
	// MaxSeriesPerMetric is how many overflow series a metric may have within one tenant.
	// Beyond it nothing but the marker is kept. Default 100.
	MaxSeriesPerMetric int `mapstructure:"max_series_per_metric"`

	// MaxSeries is how many overflow series there may be at all. Points that would need one
	// more are dropped. Default 10000.
	MaxSeries int `mapstructure:"max_series"`

	// AttributeValue replaces the values of an attribute that is folded away.
	// Default otel.cardinality_overflow.
	AttributeValue string `mapstructure:"attribute_value"`

	// Attributes are put on every overflow series that lacks them, for backends that
	// ignore points without them. Values may be text, numbers or booleans.
	Attributes map[string]any `mapstructure:"attributes"`

	// FlushInterval is how long folded points are collected before one overflow point is
	// written. With 0, the default, they leave with the batch that brought them, and a crash
	// loses nothing that was accepted.
	FlushInterval time.Duration `mapstructure:"flush_interval"`

	_ struct{}
}

// OffendersConfig says what is kept of metrics that want more than they may have.
type OffendersConfig struct {
	// MaxMetrics is how many metrics of tenants are watched at once. Default 256.
	MaxMetrics int `mapstructure:"max_metrics"`

	// Samples says how much of attribute values is shown: "plain" (the default), "masked"
	// (letters as a, digits as 9) or "hashed".
	Samples string `mapstructure:"samples"`

	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{
		MaxSeries:        defaultMaxSeries,
		MaxTenants:       defaultMaxTenants,
		MaxMetrics:       defaultMaxMetrics,
		SeriesTTL:        defaultSeriesTTL,
		Tenant:           TenantConfig{ResourceAttributes: []string{"service.namespace", "service.name"}},
		Count:            countSeries,
		Action:           rule.FoldAttribute,
		Keep:             keepFirst,
		Gauge:            "last",
		OnMemoryCap:      capFold,
		MaxFoldedSources: defaultMaxSources,
		Attributes:       createDefaultAttributes(),
		Overflow: OverflowConfig{
			MaxSeries:          defaultMaxOverflow,
			MaxSeriesPerMetric: defaultMaxOverflowPerMetric,
			AttributeValue:     defaultAttributeValue,
		},
		Offenders:     OffendersConfig{MaxMetrics: defaultOffenders, Samples: "plain"},
		ExemptMetrics: slices.Clone(defaultExempt),

		SnapshotInterval: time.Minute,
	}
}

const (
	countSeries   = "series"
	countEntities = "entities"

	keepFirst    = "first_seen"
	keepHeaviest = "heaviest"

	capFold = "fold"
	capDrop = "drop"
	capPass = "pass"
)

// perTenant returns the share of a tenant, of which 0 is the default one.
func (c *Config) perTenant() int {
	return cmp.Or(c.MaxSeriesPerTenant, max(c.MaxSeries-c.MaxSeries/4, 1))
}

// perMetric returns the share of a metric, of which 0 is the default one.
func (c *Config) perMetric() int {
	return cmp.Or(c.MaxSeriesPerMetric, min(max(c.MaxSeries/16, 1), c.perTenant()))
}

// Validate reports every bad field, not only the first.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	between := func(key string, value, low, high int) {
		if value < low || value > high {
			bad("%s must be between %d and %d, got %d", key, low, high, value)
		}
	}
	between("max_series", c.MaxSeries, 1, maxMaxSeries)
	between("max_series_per_tenant", c.MaxSeriesPerTenant, 0, maxMaxSeries)
	between("max_series_per_metric", c.MaxSeriesPerMetric, 0, maxMaxSeries)
	between("max_values_per_attribute", c.MaxValuesPerAttribute, 0, maxMaxSeries)
	between("max_tenants", c.MaxTenants, 1, maxMaxTenants)
	between("max_metrics", c.MaxMetrics, 1, maxMaxMetrics)
	between("offenders::max_metrics", c.Offenders.MaxMetrics, 1, maxOffenders)
	between("max_folded_sources", c.MaxFoldedSources, 0, maxMaxSeries)
	if c.MaxSeriesPerTenant > c.MaxSeries {
		bad("max_series_per_tenant (%d) is more than max_series (%d) leaves; lower it or raise max_series",
			c.MaxSeriesPerTenant, c.MaxSeries)
	}
	if perTenant := c.perTenant(); c.MaxSeriesPerMetric > perTenant {
		bad("max_series_per_metric (%d) is more than max_series_per_tenant (%d) leaves; lower it or raise max_series_per_tenant",
			c.MaxSeriesPerMetric, perTenant)
	}
	if c.Keep == keepHeaviest && c.Count == countEntities {
		bad("keep must be %s if entities are counted: an entity has no weight", keepFirst)
	}
	if !(c.LendUntil >= 0 && c.LendUntil <= 1) {
		bad("lend_until must be between 0 and 1, got %v", c.LendUntil)
	}
	if c.SeriesTTL < minSeriesTTL || c.SeriesTTL > maxSeriesTTL {
		bad("series_ttl must be between %s and %s, got %s", minSeriesTTL, maxSeriesTTL, c.SeriesTTL)
	}
	if c.MaxStartAge < 0 || c.MaxStartAge > c.SeriesTTL {
		bad("max_start_age must be between 0s and series_ttl (%s), got %s", c.SeriesTTL, c.MaxStartAge)
	}
	if c.SnapshotInterval < time.Second || c.SnapshotInterval > time.Hour {
		bad("snapshot_interval must be between 1s and 1h, got %s", c.SnapshotInterval)
	}
	errs = append(errs,
		oneOf("count", c.Count, countSeries, countEntities),
		oneOf("action", c.Action, rule.Actions...),
		oneOf("keep", c.Keep, keepFirst, keepHeaviest),
		oneOf("gauge", c.Gauge, gaugeNames()...),
		oneOf("offenders::samples", c.Offenders.Samples, slices.Sorted(maps.Keys(redactions))...),
		oneOf("on_memory_cap", c.OnMemoryCap, capFold, capDrop, capPass),
		c.Tenant.validate(),
		c.Overflow.validate(),
		c.Attributes.validate(),
	)
	_, err := c.rules()
	return errors.Join(append(errs, err)...)
}

// keys returns what a tenant is told by.
func (c *TenantConfig) keys() []string {
	if len(c.ClientMetadata) > 0 {
		return c.ClientMetadata
	}
	return c.ResourceAttributes
}

func (c *TenantConfig) validate() error {
	var errs []error
	for i, key := range c.ResourceAttributes {
		if key == "" {
			errs = append(errs, fmt.Errorf("tenant::resource_attributes[%d] must not be empty", i))
		}
	}
	for i, key := range c.ClientMetadata {
		if key == "" {
			errs = append(errs, fmt.Errorf("tenant::client_metadata[%d] must not be empty", i))
		}
	}
	return errors.Join(errs...)
}

func (c *OverflowConfig) validate() error {
	var errs []error
	if c.MaxSeries < c.MaxSeriesPerMetric {
		errs = append(errs, fmt.Errorf("overflow::max_series must be at least overflow::max_series_per_metric (%d), got %d",
			c.MaxSeriesPerMetric, c.MaxSeries))
	}
	if c.MaxSeriesPerMetric < 1 {
		errs = append(errs, fmt.Errorf("overflow::max_series_per_metric must be at least 1, got %d", c.MaxSeriesPerMetric))
	}
	if c.AttributeValue == "" {
		errs = append(errs, errors.New("overflow::attribute_value must not be empty"))
	}
	if c.FlushInterval < 0 || c.FlushInterval > time.Hour {
		errs = append(errs, fmt.Errorf("overflow::flush_interval must be between 0s and 1h, got %s", c.FlushInterval))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Attributes)) {
		switch value := c.Attributes[key].(type) {
		case string, bool, int, int64, float64:
		default:
			errs = append(errs, fmt.Errorf("overflow::attributes::%s must be text, a number or a boolean, got %T", key, value))
		}
		if key == identity.OverflowKey {
			errs = append(errs, fmt.Errorf("overflow::attributes::%s is always true and cannot be set", key))
		}
	}
	return errors.Join(errs...)
}

var redactions = map[string]offenders.Redaction{
	"plain": offenders.Plain, "masked": offenders.Masked, "hashed": offenders.Hashed,
}

// oneOf returns an error that names the choices unless value is one of them.
func oneOf[T ~string](key string, value T, choices ...T) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("%s must be one of %q, got %q", key, choices, value)
}
