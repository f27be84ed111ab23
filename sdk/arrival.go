// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "time"

// Arrival says how a batch reached the query. Only Count is needed; what is zero is left out of the trace.
type Arrival struct {
	Count  int    // events in the batch
	Stream string // the stream it came from; default the query's first Input
	Source string // type of the external source ("generator", "csv", "grpc"); empty if another query sent it

	ReadStart, ReadEnd time.Time // reading from the source
	// Handing over through the junction. SendStart is where query.latency begins. SendEnd is when the query took
	// the batch, just before Begin, which spares Begin a reading of the clock.
	SendStart, SendEnd time.Time

	// Links are the batches this one was merged from, if they were several. It is then traced as a root of its own
	// that is linked to them and to the span in Begin's context, if any of them was traced. The newest
	// Traces.MaxLinks are kept.
	Links []Link
}

// begins returns the earliest known time of the arrival, or now.
func (a Arrival) begins(now time.Time) time.Time {
	return earliest(earliest(now, a.ReadStart), a.SendStart)
}

// ingest returns the time span of the ingestion, and false if its times are not known.
func (a Arrival) ingest() (start, end time.Time, ok bool) {
	start = earliest(a.ReadStart, a.SendStart)
	end = a.SendEnd
	if end.Before(a.ReadEnd) {
		end = a.ReadEnd
	}
	return start, end, !start.IsZero() && !end.IsZero()
}

// earliest returns the earlier of two times; a zero time does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
