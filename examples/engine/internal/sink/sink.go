// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package sink takes results out of the engine.
package sink

import (
	"context"
	"errors"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// Sink delivers the batches of one stream. It belongs to one goroutine.
//
// A batch goes through Format once, then through Send until that succeeds. A failed Send keeps what it had not
// delivered, so calling it again never delivers a part twice.
type Sink interface {
	// Type is the value of eventflux.sink.type.
	Type() string
	// Target says where events go, for people.
	Target() string
	// Advice says what helps when Send fails, for people.
	Advice() string
	// Format encodes b. It fails only for batches that can never be delivered.
	Format(b *event.Batch) error
	// Send delivers what Format encoded, and returns how many bytes left the engine, 0 if that is not known. ctx
	// carries the trace context.
	Send(ctx context.Context) (bytes int, err error)
	// Finish makes everything sent so far final, because the input has ended. It may be called again after a failure,
	// and more batches may follow.
	Finish(ctx context.Context) error
	// Close releases the sink.
	Close() error
}

// about is the part of a Sink that has nothing to finish or to release.
type about struct{ kind, target, advice string }

func (a about) Type() string               { return a.kind }
func (a about) Target() string             { return a.target }
func (a about) Advice() string             { return a.advice }
func (about) Finish(context.Context) error { return nil }
func (about) Close() error                 { return nil }

// verdict is an error with what is known about another attempt.
type verdict struct {
	error
	permanent bool
	pause     time.Duration
}

func (v verdict) Unwrap() error { return v.error }

func of(err error) (v verdict) {
	_ = errors.As(err, &v)
	return v
}

// Permanent marks err as one that no repetition can cure.
func Permanent(err error) error { return verdict{error: err, permanent: true} }

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool { return of(err).permanent }

// Pause is how long the receiver wants to be left alone after err; 0 if it did not say.
func Pause(err error) time.Duration { return of(err).pause }

// Positioned is a Sink that can forget what it delivered after a certain point,
// so that it may be delivered again.
type Positioned interface {
	Sink
	// Position makes everything sent so far durable and says how much that is.
	Position() (int64, error)
	// Recover forgets what was sent after a position. Call it before the first Send.
	Recover(position int64) error
}
