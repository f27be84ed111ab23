// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
)

// cleanRecords returns records without their secrets, and how many there were. Records of our own loggers have
// none left; those of libraries that log through the global provider come here first. It returns records itself
// if nothing is to be hidden.
func cleanRecords(records []sdklog.Record) ([]sdklog.Record, int) {
	return redact.Each(records, cleanRecord)
}

func cleanRecord(r sdklog.Record) (sdklog.Record, int) {
	body, found := redact.Value(r.Body())
	attrs, inAttributes := cleanAttributes(&r)
	if found+inAttributes == 0 {
		return r, 0
	}
	clean := r.Clone()
	clean.SetBody(body)
	if inAttributes > 0 {
		clean.SetAttributes(attrs...)
	}
	return clean, found + inAttributes
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
