// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package ident makes Go identifiers of the names in the registry.
package ident

import "strings"

// initialisms are the words that Go writes in capitals.
var initialisms = map[string]string{
	"id": "ID", "io": "IO", "cpu": "CPU", "wal": "WAL", "dlq": "DLQ", "csv": "CSV", "grpc": "GRPC", "http": "HTTP",
	"jdbc": "JDBC", "tcp": "TCP", "json": "JSON", "amqp": "AMQP", "lz4": "LZ4",
}

// Exported returns the identifier of a name: "eventflux.drop.reason" is DropReason. The namespace of the project is
// left out.
func Exported(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		if spelt, ok := initialisms[word]; ok {
			b.WriteString(spelt)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Under returns the identifier of a name without the words of prefix at its start: "eventflux.sink.io" under "sink" is
// IO.
func Under(prefix, name string) string {
	rest := words(name)
	cut := words(prefix)
	if len(rest) > len(cut) && strings.Join(rest[:len(cut)], ".") == strings.Join(cut, ".") {
		rest = rest[len(cut):]
	}
	return Exported(strings.Join(rest, "."))
}

// Parameter returns the identifier of a name as a parameter: "eventflux.dlq.stream" is dlqStream.
func Parameter(name string) string {
	all := words(name)
	return all[0] + Exported(strings.Join(all[1:], "."))
}

func words(name string) []string {
	name = strings.TrimPrefix(name, "eventflux.")
	return strings.FieldsFunc(name, func(c rune) bool { return c == '.' || c == '_' || c == '-' })
}
