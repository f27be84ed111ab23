// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot is the form in which state is saved: exported fields, as package gob writes them.
package snapshot

import (
	"bytes"
	"encoding/gob"
)

// Encode returns the exported fields of v.
func Encode(v any) ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

// Decode sets what v points to as it was for Encode. Fields that are new since then stay as they are.
func Decode(data []byte, v any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(v) }
