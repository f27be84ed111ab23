// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package scrape reads a /metrics page as Prometheus would.
package scrape

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Snapshot is one page by family name.
type Snapshot map[string]*dto.MetricFamily

// Parse reads the text format.
func Parse(r io.Reader) (Snapshot, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(r)
	return families, err
}

// Labels are name and value pairs.
type Labels map[string]string

// Series returns the points of a family that have all the labels in match.
func (s Snapshot) Series(name string, match Labels) []*dto.Metric {
	family, ok := s[name]
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(family.GetMetric()), func(m *dto.Metric) bool {
		return !matches(m, match)
	})
}

func matches(m *dto.Metric, match Labels) bool {
	have := LabelsOf(m)
	for k, v := range match {
		if have[k] != v {
			return false
		}
	}
	return true
}

// LabelsOf returns a point's labels.
func LabelsOf(m *dto.Metric) Labels {
	l := Labels{}
	for _, p := range m.GetLabel() {
		l[p.GetName()] = p.GetValue()
	}
	return l
}

// Sum adds up the matching points; of a histogram, their counts. It reports
// whether there was any.
func (s Snapshot) Sum(name string, match Labels) (total float64, found bool) {
	for _, m := range s.Series(name, match) {
		found = true
		total += Value(m)
	}
	return total, found
}

// Value is a point's number; of a histogram, its count.
func Value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	default:
		return m.GetUntyped().GetValue()
	}
}

// LabelNames returns the sorted label names of a point without those of
// Prometheus itself, which every series has.
func LabelNames(m *dto.Metric) []string {
	names := slices.Sorted(maps.Keys(LabelsOf(m)))
	return slices.DeleteFunc(names, func(n string) bool { return n == "job" || n == "instance" || n == "le" })
}

// Key names one series: the family and all its labels.
func Key(family string, m *dto.Metric) string {
	l := LabelsOf(m)
	var b strings.Builder
	b.WriteString(family)
	for _, name := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintf(&b, " %s=%q", name, l[name])
	}
	return b.String()
}
