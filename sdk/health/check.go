// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"fmt"
	"strings"
	"unicode"
)

// maxMessage bounds Result.Message, in bytes.
const maxMessage = 256

// Check looks at one part of the engine.
//
// Check should return before ctx ends, which is at the timeout of the check, when it is unregistered and at Close.
// One Check is never called twice at the same time by one registration. A panic counts as Unhealthy.
type Check interface {
	Check(ctx context.Context) Result
}

// CheckFunc makes a Check of a function. A nil CheckFunc cannot be registered.
type CheckFunc func(ctx context.Context) Result

// Check implements Check.
func (f CheckFunc) Check(ctx context.Context) Result { return f(ctx) }

// Result is the answer of a Check. The zero Result says that the check cannot tell.
type Result struct {
	// Status is Healthy, Degraded, Unhealthy, or Unknown if the check cannot tell. Anything else counts as
	// Unhealthy.
	Status Status
	// Message says why, for people. It leaves the process as a log record, so it must not hold secrets. It is cut
	// after 256 bytes, and control characters become spaces.
	Message string
}

// FromError is the Result of a check that only knows success and failure: Healthy for nil, otherwise Unhealthy with
// the error's text.
func FromError(err error) Result {
	if err == nil {
		return Result{Status: Healthy}
	}
	return Result{Status: Unhealthy, Message: err.Error()}
}

// tidied returns r with nothing in it that a host may not send.
func (r Result) tidied() Result {
	if r.Status > Unhealthy {
		r.Message = fmt.Sprintf("the check answered %s, which no part can be: %s", r.Status, r.Message)
		r.Status = Unhealthy
	}
	r.Message = tidy(r.Message)
	return r
}

func tidy(message string) string {
	const more = "..."
	cut := len(message) > maxMessage
	if cut {
		message = message[:maxMessage-len(more)]
	}
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, ""))
	if cut {
		message += more
	}
	return message
}
