// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// The texts of a configuration file that have rules. They are structs because the decoder asks only structs to
// check themselves: a plain string type would be filled without.
type (
	protocolText    struct{ value string }
	endpointText    struct{ value string }
	compressionText struct{ value string }
	logLevelText    struct{ value string }
	logFormatText   struct{ value string }
	durationText    struct{ value time.Duration }
	limitText       struct{ value time.Duration } // below zero for none
)

// UnmarshalText implements encoding.TextUnmarshaler, like its siblings below.
func (t *protocolText) UnmarshalText(b []byte) error {
	t.value = string(b)
	return checkProtocol(t.value)
}

func (t *endpointText) UnmarshalText(b []byte) error {
	t.value = string(b)
	return checkEndpoint(t.value)
}

func (t *compressionText) UnmarshalText(b []byte) error {
	t.value = string(b)
	return checkCompression(t.value)
}

func (t *logLevelText) UnmarshalText(b []byte) error {
	t.value = string(b)
	_, err := logs.ParseLevel(t.value)
	return err
}

func (t *logFormatText) UnmarshalText(b []byte) error {
	t.value = string(b)
	_, err := logs.ParseFormat(t.value)
	return err
}

func (t *durationText) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d <= 0 {
		return fmt.Errorf("want a duration above 0 like \"5s\", got %q", b)
	}
	t.value = d
	return nil
}

func (t *limitText) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d == 0 {
		return fmt.Errorf("want a duration like \"100ms\", or a negative one for none, got %q", b)
	}
	t.value = d
	return nil
}
