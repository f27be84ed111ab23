// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package wire

// message says which of its fields, by number, are texts, or are messages that
// have texts or attribute values in them. The others need no look.
type message [16]field

// field is a text with a name for errors, or a message.
type field struct {
	text    string
	message *message
}

func in(m *message) field { return field{message: m} }

func named(text string) field { return field{text: text} }

// The requests of the three signals. See
// https://github.com/open-telemetry/opentelemetry-proto.
var metrics, traces, logs = schema()

func schema() (metrics, traces, logs *message) {
	var value, keyValue message
	value = message{1: named("attribute value"), 5: in(&message{1: in(&value)}), 6: in(&message{1: in(&keyValue)})}
	keyValue = message{1: named("attribute key"), 2: in(&value)}
	attributes := in(&keyValue)

	request := func(item *message) *message {
		scope := &message{1: named("scope name"), 2: named("scope version"), 3: attributes}
		scopes := &message{1: in(scope), 2: in(item), 3: named("schema URL")}
		entity := &message{1: named("schema URL"), 2: named("entity type"), 3: named("entity key"), 4: named("entity key")}
		resource := &message{1: attributes, 3: in(entity)}
		return &message{1: in(&message{1: in(resource), 2: in(scopes), 3: named("schema URL")})}
	}
	points := func(point message) field { return in(&message{1: in(&point)}) }
	exemplar := in(&message{7: attributes})
	number := points(message{5: exemplar, 7: attributes})

	metrics = request(&message{
		1: named("metric name"), 2: named("metric description"), 3: named("metric unit"),
		5:  number,                                       // gauge
		7:  number,                                       // sum
		9:  points(message{8: exemplar, 9: attributes}),  // histogram
		10: points(message{1: attributes, 11: exemplar}), // exponential histogram
		11: points(message{7: attributes}),               // summary
		12: attributes,
	})
	traces = request(&message{
		3: named("trace state"), 5: named("span name"), 9: attributes,
		11: in(&message{2: named("event name"), 3: attributes}),
		13: in(&message{3: named("trace state"), 4: attributes}), // link
		15: in(&message{2: named("status message")}),
	})
	logs = request(&message{3: named("severity"), 5: in(&value), 6: attributes, 12: named("event name")})
	return metrics, traces, logs
}
