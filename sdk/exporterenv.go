// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const exporterPrefix = "OTEL_EXPORTER_OTLP_"

// exporterRules say which values of OTEL_EXPORTER_OTLP_* and its forms for one signal are good. The exporters read
// most of these variables themselves, but report to the process-wide logger, or not at all.
var exporterRules = []struct {
	name  string
	check func(string) error
}{
	{"PROTOCOL", checkProtocol},
	{"ENDPOINT", checkEndpoint},
	{"INSECURE", checkBool},
	{"TIMEOUT", checkMilliseconds},
	{"COMPRESSION", checkCompression},
	{"CERTIFICATE", checkReadable},
	{"CLIENT_CERTIFICATE", checkReadable},
	{"CLIENT_KEY", checkReadable},
}

// exporterProblems returns what is wrong with the variables of the exporters.
func (e environment) exporterProblems() (problems []error) {
	for _, signal := range []string{"", "TRACES_", "METRICS_", "LOGS_"} {
		for _, rule := range exporterRules {
			name := exporterPrefix + signal + rule.name
			if v := e.get(name); v != "" {
				problems = appendIgnored(problems, name, rule.check(v))
			}
		}
	}
	check := func(name string, allowed ...string) {
		if v := e.get(name); v != "" {
			problems = appendIgnored(problems, name, oneOf("value", strings.ToLower(v), allowed...))
		}
	}
	check(exporterPrefix+"METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta", "lowmemory")
	check(exemplarFilter, "always_on", "always_off", "trace_based")
	return problems
}

// exemplarFilter is the variable that can silence exemplars. Ours all belong to a trace, so that always_on is the
// same as trace_based.
const exemplarFilter = "OTEL_METRICS_EXEMPLAR_FILTER"

func appendIgnored(problems []error, name string, err error) []error {
	if err == nil {
		return problems
	}
	return append(problems, ignored(name, err))
}

// exporter returns a variable of one signal's exporter, or of all exporters, and which of the two it was. Bad values
// count as unset.
func (e environment) exporter(signal, name string) (value string, ofSignal bool) {
	for _, variable := range []string{signalVariable(signal, name), exporterPrefix + name} {
		v := e.get(variable)
		for _, rule := range exporterRules {
			if rule.name == name && v != "" && rule.check(v) != nil {
				v = ""
			}
		}
		if v != "" {
			return v, variable != exporterPrefix+name
		}
	}
	return "", false
}

func checkBool(s string) error {
	return oneOf("value", strings.ToLower(s), "true", "false")
}

func checkMilliseconds(s string) error {
	if ms, err := strconv.Atoi(s); err != nil || ms <= 0 {
		return fmt.Errorf("want milliseconds above 0, got %q", s)
	}
	return nil
}

func checkReadable(path string) error {
	_, err := os.ReadFile(path)
	return err
}
