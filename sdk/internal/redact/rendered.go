// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"

	"go.opentelemetry.io/otel/attribute"
)

// Rendered is a value of any type as the log shows it: JSON without secrets.
type Rendered struct{ JSON []byte }

// MarshalJSON implements json.Marshaler.
func (r Rendered) MarshalJSON() ([]byte, error) { return r.JSON, nil }

// String returns the JSON.
func (r Rendered) String() string { return string(r.JSON) }

// Attribute returns the same as an attribute value: objects as maps, arrays as lists.
func (r Rendered) Attribute() attribute.Value {
	var v any
	d := json.NewDecoder(bytes.NewReader(r.JSON))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return attribute.StringValue(string(r.JSON))
	}
	return decoded(v)
}

func decoded(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(v)
	case bool:
		return attribute.BoolValue(v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return attribute.Int64Value(i)
		}
		f, err := v.Float64()
		if err != nil {
			return attribute.StringValue(v.String())
		}
		return attribute.Float64Value(f)
	case []any:
		members := make([]attribute.Value, len(v))
		for i, m := range v {
			members[i] = decoded(m)
		}
		return attribute.SliceValue(members...)
	case map[string]any:
		members := make([]attribute.KeyValue, 0, len(v))
		for name, m := range v {
			members = append(members, attribute.KeyValue{Key: attribute.Key(name), Value: decoded(m)})
		}
		return attribute.MapValue(members...)
	default:
		return attribute.Value{}
	}
}
