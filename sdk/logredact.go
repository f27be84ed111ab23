// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// cleanRecords returns records without their secrets, and how many there were. Records of our own loggers have
// none left; those of libraries that log through the global provider come here first. It returns records itself
// if nothing is to be hidden.
func cleanRecords(records []sdklog.Record) ([]sdklog.Record, int) {
	out, n := records, 0
	for i := range records {
		body, found := redact.Value(records[i].Body())
		attrs, inAttributes := cleanAttributes(&records[i])
		if found += inAttributes; found == 0 {
			continue
		}
		if n == 0 {
			out = slices.Clone(records)
		}
		out[i] = records[i].Clone()
		out[i].SetBody(body)
		if inAttributes > 0 {
			out[i].SetAttributes(attrs...)
		}
		n += found
	}
	return out, n
}

// cleanAttributes returns the attributes of r only if there is something to hide in them.
func cleanAttributes(r *sdklog.Record) ([]attribute.KeyValue, int) {
	n := 0
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		_, found := redact.KeyValue(kv)
		n += found
		return true
	})
	if n == 0 {
		return nil, 0
	}
	attrs := make([]attribute.KeyValue, 0, r.AttributesLen())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		kv, _ = redact.KeyValue(kv)
		attrs = append(attrs, kv)
		return true
	})
	return attrs, n
}
