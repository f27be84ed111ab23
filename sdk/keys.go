// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "go.opentelemetry.io/otel/attribute"

// Attribute keys of the conventions. The short ones are fixed by the metric label sets of the requirements.
const (
	keyAppName      = attribute.Key("eventflux.app.name")
	keyComponent    = attribute.Key("component")
	keyErrorType    = attribute.Key("error.type")
	keyEventCount   = attribute.Key("event.count")
	keyOutputStream = attribute.Key("output.stream")
	keyProcessor    = attribute.Key("processor.type")
	keyProtocol     = attribute.Key("protocol")
	keyQueryID      = attribute.Key("query.id")
	keyResult       = attribute.Key("result")
	keySinkType     = attribute.Key("eventflux.sink.type")
	keySourceType   = attribute.Key("eventflux.source.type")
	keyStreamName   = attribute.Key("stream.name")
	keyWindowType   = attribute.Key("window.type")

	keyDecision       = attribute.Key("eventflux.sampling.decision")
	keyRetryCount     = attribute.Key("eventflux.retry.count")
	keyWindowDuration = attribute.Key("eventflux.window.duration")
	keyCheckpointType = attribute.Key("eventflux.checkpoint.type")
	keyMessageType    = attribute.Key("eventflux.message.type")
)

// otherError counts error types that nobody declared, which keeps the set of series closed.
const otherError = "_OTHER"
