// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"strings"
)

// Level says how much is recorded. The zero Level is Basic.
type Level uint8

const (
	// Basic records all metrics, and per traced batch the root span and one span per stage.
	Basic Level = iota
	// Detail adds the leaf spans inside the stages.
	Detail
	// Off exports nothing. Loggers still write locally.
	Off
)

// String returns the spelling used in TOML: "basic", "detail" or "off".
func (l Level) String() string {
	switch l {
	case Basic:
		return "basic"
	case Detail:
		return "detail"
	case Off:
		return "off"
	default:
		return fmt.Sprintf("level(%d)", uint8(l))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) {
	return []byte(l.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It accepts the spellings of String in any case.
func (l *Level) UnmarshalText(text []byte) error {
	for _, known := range []Level{Off, Basic, Detail} {
		if strings.EqualFold(string(text), known.String()) {
			*l = known
			return nil
		}
	}
	return fmt.Errorf("unknown level %q, want off, basic or detail", text)
}
