// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// environment reads the OTEL_* variables that this package handles itself. The exporters read the other
// OTEL_EXPORTER_OTLP_* variables.
//
// See https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. A value that makes no
// sense is reported and ignored, as that document asks.
type environment struct {
	lookup func(string) (string, bool)
}

// get returns a variable without surrounding space. An empty variable counts as unset.
func (e environment) get(name string) string {
	value, _ := e.lookup(name)
	return strings.TrimSpace(value)
}

// overlay lays the environment over s.
func (e environment) overlay(s settings) settings {
	s.disabled = strings.EqualFold(e.get("OTEL_SDK_DISABLED"), "true")
	s = e.resource(s)
	s = e.queues(s)
	s.problems = append(s.problems, e.exporterProblems()...)
	if p := e.get("OTEL_EXPORTER_OTLP_PROTOCOL"); checkProtocol(p) == nil {
		s.cfg.Export.Protocol = p
	}
	s.noExemplars = strings.EqualFold(e.get(exemplarFilter), "always_off")
	s.exportTimeout = defaultExportTimeout
	s.problems = slices.Concat(s.problems,
		e.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", &s.cfg.Metrics.Interval),
		e.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", &s.exportTimeout),
	)
	return s
}

// milliseconds sets setting to what the variable says, if it says something, and returns what is wrong with it.
func (e environment) milliseconds(name string, setting *time.Duration) []error {
	var ms int
	problem := e.number(name, &ms, math.MaxInt64/int64(time.Millisecond))
	if ms > 0 {
		*setting = time.Duration(ms) * time.Millisecond
	}
	return problem
}

// number is the same for a whole number from 1 to most.
func (e environment) number(name string, setting *int, most int64) []error {
	v := e.get(name)
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 || int64(n) > most {
		return []error{ignored(name, fmt.Errorf("want a whole number from 1 to %d, got %q", most, v))}
	}
	*setting = n
	return nil
}

// queues reads how spans and log records are batched.
func (e environment) queues(s settings) settings {
	var spans, logs []error
	s.spanQueue, spans = e.queue("OTEL_BSP_")
	s.logQueue, logs = e.queue("OTEL_BLRP_")
	s.problems = slices.Concat(s.problems, spans, logs)
	return s
}

// resource reads OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, which wins over the attribute.
func (e environment) resource(s settings) settings {
	for pair := range strings.SplitSeq(e.get("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, err := resourcePair(pair)
		if err != nil {
			s.problems = append(s.problems, ignored("OTEL_RESOURCE_ATTRIBUTES", err))
			continue
		}
		switch key {
		case "service.name":
			s.cfg.Service.Name = value
		case "service.version":
			s.cfg.Service.Version = value
		case "service.instance.id":
			s.cfg.Service.InstanceID = value
		case "deployment.environment":
			s.cfg.Service.Environment = value
		case "eventflux.tenant":
			s.cfg.Service.Tenant = value
		default:
			s.attributes = append(s.attributes, attribute.String(key, value))
		}
	}
	if name := e.get("OTEL_SERVICE_NAME"); name != "" {
		s.cfg.Service.Name = name
	}
	return s
}

// resourcePair splits "key=value", both percent-encoded.
func resourcePair(pair string) (key, value string, err error) {
	key, value, found := strings.Cut(pair, "=")
	if !found {
		return "", "", fmt.Errorf("want key=value, got %q", pair)
	}
	if key, err = url.PathUnescape(strings.TrimSpace(key)); err != nil || key == "" {
		return "", "", fmt.Errorf("bad key in %q", pair)
	}
	if value, err = url.PathUnescape(strings.TrimSpace(value)); err != nil {
		return "", "", fmt.Errorf("bad value in %q", pair)
	}
	return key, value, nil
}

func ignored(name string, err error) error {
	return fmt.Errorf("could not use %s, it is ignored: %w", name, err)
}
