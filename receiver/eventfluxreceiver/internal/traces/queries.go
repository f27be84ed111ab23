// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package traces

import "strings"

// Counts are the spans of one query since the table was made.
type Counts struct {
	// Query is the query.id, empty for the first two of a table.
	Query    string
	Verdicts [VerdictCount]int64
	// Lacking are the spans that lack a required attribute, whatever their verdict.
	Lacking int64
}

// What is counted of no query, and of the queries without room.
const (
	NoQuery = iota
	OtherQueries

	firstQuery // of those that are told apart
)

// maxQuery bounds the names that are kept, which come from the sender.
const maxQuery = 256

type queries struct {
	max    int
	byName map[string]uint32
	counts []Counts
}

// of returns the place of a query in counts.
func (q *queries) of(name string) uint32 {
	if name == "" {
		return NoQuery
	}
	if at, ok := q.byName[name]; ok {
		return at
	}
	if len(q.byName) >= q.max || len(name) > maxQuery {
		return OtherQueries
	}
	name = strings.Clone(name)
	at := uint32(len(q.counts))
	q.byName[name] = at
	q.counts = append(q.counts, Counts{Query: name})
	return at
}
