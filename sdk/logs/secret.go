// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// Secret is a text that no logger, formatter or encoder shows: all of them get "***". Only Reveal and a conversion
// to string give it away, and encoding/json does if it is the key of a map. The zero Secret is legal, and hidden like any other.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return redact.Mark }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redact.Mark }

// Format implements fmt.Formatter: every verb shows the same.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mark) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redact.Mark), nil }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte("\"" + redact.Mark + "\""), nil }
