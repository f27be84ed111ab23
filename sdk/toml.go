// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// file is the shape of a configuration file. Values with rules have types of their own, so that a bad one is
// reported with its line.
type file struct {
	Service   serviceTable   `toml:"service"`
	Telemetry telemetryTable `toml:"telemetry"`
	Logging   loggingTable   `toml:"logging"`
}

type serviceTable struct {
	Name        string `toml:"name"`
	Version     string `toml:"version"`
	InstanceID  string `toml:"instance_id"`
	Environment string `toml:"environment"`
	Tenant      string `toml:"tenant"`
}

type telemetryTable struct {
	Protocol       protocolText      `toml:"protocol"`
	Endpoint       endpointText      `toml:"endpoint"`
	Insecure       bool              `toml:"insecure"`
	Headers        map[string]string `toml:"headers"`
	Timeout        durationText      `toml:"timeout"`
	Compression    compressionText   `toml:"compression"`
	Level          Level             `toml:"level"`
	MetricInterval durationText      `toml:"metric_interval"`
	TracesPerQuery float64           `toml:"traces_per_query"`
	TracesTotal    float64           `toml:"traces_total"`
	MaxLinks       uint16            `toml:"max_links"`
	MaxSeries      uint32            `toml:"max_series"`
	MaxPerMetric   uint32            `toml:"max_series_per_metric"`
	SlowBatch      limitText         `toml:"slow_batch"`
	ProfileLabels  bool              `toml:"profile_labels"`
}

type loggingTable struct {
	Level  logLevelText  `toml:"level"`
	Format logFormatText `toml:"format"`
	Output string        `toml:"output"`

	PerSite float64 `toml:"per_site"`
}

// LoadTOML reads a configuration file with the tables [service], [telemetry] and [logging], all optional. What
// the file does not say has its default. An unknown key or a bad value is an error that names file, line and key,
// one per mistake where possible.
//
// ignore names other top-level tables of the same file, which belong to the host.
func LoadTOML(path string, ignore ...string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return DefaultConfig(), fmt.Errorf("could not read the telemetry configuration: %w", err)
	}
	f, err := decode(text)
	if err = positioned(path, text, err, ignore); err != nil {
		return DefaultConfig(), err
	}
	return f.config().withDefaults(), nil
}

func decode(text []byte) (file, error) {
	var f file
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f)
	return f, err
}

func (f file) config() Config {
	t := f.Telemetry
	return Config{
		Service: Service(f.Service),
		Export: Export{
			Protocol: t.Protocol.value, Endpoint: t.Endpoint.value, Insecure: t.Insecure, Headers: t.Headers,
			Timeout: t.Timeout.value, Compression: t.Compression.value,
		},
		Metrics: Metrics{Interval: t.MetricInterval.value, MaxSeries: int(t.MaxSeries), MaxSeriesPerMetric: int(t.MaxPerMetric)},
		Traces:  Traces{PerQuery: t.TracesPerQuery, Total: t.TracesTotal, MaxLinks: int(t.MaxLinks), Slow: t.SlowBatch.value},
		Logging: Logging{Level: f.Logging.Level.value, Format: f.Logging.Format.value, Output: f.Logging.Output, PerSite: f.Logging.PerSite},
		Level:   t.Level,

		Profiling: t.ProfileLabels,
	}
}

// structField is how the decoder names a Go field, which means nothing to the author of a file.
var structField = regexp.MustCompile(`struct field \S+ of type `)

// positioned turns a decoder's error into one line per mistake: file, line, key, what is wrong.
func positioned(path string, text []byte, err error, ignore []string) error {
	if err == nil {
		return nil
	}
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var errs []error
		for _, e := range unknown.Errors {
			key := e.Key()
			if len(key) > 0 && slices.Contains(ignore, key[0]) {
				continue
			}
			line, _ := e.Position()
			errs = append(errs, fmt.Errorf("%s:%d: unknown key %s, %s", path, line, strings.Join(key, "."), allowed(key)))
		}
		return errors.Join(errs...)
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := bad.Position()
		reason := structField.ReplaceAllString(strings.TrimPrefix(bad.Error(), "toml: "), "")
		if key := strings.Join(bad.Key(), "."); key != "" {
			return fmt.Errorf("%s:%d: bad value for %s: %s", path, line, key, reason)
		}
		return fmt.Errorf("%s:%d: %s", path, line, reason)
	}
	line, key := locate(text, err)
	return fmt.Errorf("%s:%d: bad value for %s: %w", path, line, key, err)
}

// locate finds the line of an error without a position, which is what the decoder makes of a number or boolean
// that UnmarshalText refused: it is the first line with which the text so far gives that error.
func locate(text []byte, want error) (line int, key string) {
	var seen []byte
	for row := range bytes.Lines(text) {
		line++
		seen = append(seen, row...)
		if _, err := decode(seen); err != nil && err.Error() == want.Error() {
			name, _, _ := bytes.Cut(row, []byte("="))
			return line, string(bytes.TrimSpace(name))
		}
	}
	return line, "an unknown key"
}

// allowed says which keys exist next to key.
func allowed(key toml.Key) string {
	t := reflect.TypeFor[file]()
	where := "tables are"
	if len(key) > 1 {
		for field := range t.Fields() {
			if field.Tag.Get("toml") == key[0] {
				t, where = field.Type, "keys of ["+key[0]+"] are"
			}
		}
	}
	var names []string
	for field := range t.Fields() {
		names = append(names, field.Tag.Get("toml"))
	}
	return where + " " + strings.Join(names, ", ")
}
