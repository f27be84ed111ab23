// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"
	"fmt"
)

// Error returns how many secrets the text of err holds, and err itself if there are none. Otherwise the error has
// the redacted text; errors.Is still recognises it, but it cannot be unwrapped: the text would be found inside. A
// text that cannot be had, because Error panics, is named in its place.
func Error(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	text, ok := Text(err)
	clean, n := String(text)
	if ok && n == 0 {
		return 0, err
	}
	return n, hidden{text: clean, cause: err}
}

// Text returns err.Error(). It is false if that panics; the text says so then.
func Text(err error) (text string, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			text, ok = fmt.Sprintf("!PANIC: %v", p), false
		}
	}()
	return err.Error(), true
}

// hidden is an error with another text.
type hidden struct {
	text  string
	cause error
}

func (h hidden) Error() string        { return h.text }
func (h hidden) String() string       { return h.text }
func (h hidden) GoString() string     { return h.text }
func (h hidden) Is(target error) bool { return errors.Is(h.cause, target) }

// ErrorType names the type of the original error for exception.type.
func (h hidden) ErrorType() string {
	if typed, ok := h.cause.(interface{ ErrorType() string }); ok {
		return typed.ErrorType()
	}
	return fmt.Sprintf("%T", h.cause)
}
