// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package junction

import "time"

// What a queue says about itself. Any goroutine may ask.

// Fill is how many batches wait, and how many could.
func (q *Queue) Fill() (batches, capacity int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length, len(q.ring)
}

// Utilization is the filled share of the queue, 0 to 1.
func (q *Queue) Utilization() float64 {
	batches, capacity := q.Fill()
	return float64(batches) / float64(capacity)
}

// Bytes is the memory of the batches that wait. A batch that waits for several
// subscribers counts for each.
func (q *Queue) Bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// events is how many events wait.
func (q *Queue) events() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// capacity is how many events could wait, if all batches were as large as the
// largest so far: the queue itself counts batches.
func (q *Queue) capacity() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.largest * int64(len(q.ring))
}

// oldest is when the message at the head was published; zero if none waits.
func (q *Queue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length == 0 {
		return time.Time{}
	}
	return q.ring[q.head].Sent
}

// Standstill is for how long nothing was taken although something waits; zero
// if nothing waits.
func (q *Queue) Standstill(now time.Time) time.Duration {
	since := q.oldest()
	if since.IsZero() {
		return 0
	}
	if taken := time.Unix(0, q.taken.Load()); taken.After(since) {
		since = taken
	}
	return max(0, now.Sub(since))
}

// LongestWait is how long the message that waited longest did, of those taken
// since the call before. It is for one caller.
func (q *Queue) LongestWait() time.Duration { return time.Duration(q.longest.Swap(0)) }
