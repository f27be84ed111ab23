// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"sync"
)

// senders remembers, per sender, the last message that was taken, so that a
// repeated one is recognised. The zero value is ready. Safe for concurrent use.
type senders struct {
	mu    sync.Mutex
	known map[string]*sender
	clock uint64 // counts look-ups, to find the sender that was silent longest
}

// maxSenders bounds the memory. The sender that was silent longest is
// forgotten; only if it then repeats a message would that count twice.
const maxSenders = 1024

type sender struct {
	turn chan struct{} // holds one token: one message of a sender at a time
	last uint64        // owned by whoever has the token
	used uint64        // owned by senders.mu
}

// enter waits for the sender's turn. Call leave after use.
func (s *senders) enter(ctx context.Context, id string) (*sender, error) {
	one := s.find(id)
	select {
	case one.turn <- struct{}{}:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *sender) leave() { <-s.turn }

func (s *senders) find(id string) *sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]*sender)
	}
	one := s.known[id]
	if one == nil {
		if len(s.known) >= maxSenders {
			s.forgetOldest()
		}
		one = &sender{turn: make(chan struct{}, 1)}
		s.known[id] = one
	}
	s.clock++
	one.used = s.clock
	return one
}

func (s *senders) forgetOldest() {
	oldest, at := "", s.clock+1
	for id, one := range s.known {
		if one.used < at {
			oldest, at = id, one.used
		}
	}
	delete(s.known, oldest)
}
