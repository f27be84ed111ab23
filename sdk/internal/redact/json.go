// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// JSON is String for a JSON document, which stays one: the value of a secret key becomes the string Mark, other
// strings and keys pass String, also strings that are base64 of text. prefix is as in KeyIn. Everything else stays as it is
// written. It returns doc itself if nothing is to be hidden.
func JSON(prefix string, doc []byte) ([]byte, int) {
	w := walker{in: doc, out: make([]byte, 0, len(doc))}
	w.value(prefix)
	if w.n == 0 || w.broken {
		return doc, 0
	}
	return append(w.out, w.in[w.at:]...), w.n
}

// walker copies a valid document from in to out.
type walker struct {
	in     []byte
	at     int
	out    []byte
	n      int
	broken bool // in is not valid JSON after all
}

func (w *walker) value(prefix string) {
	w.space()
	switch w.peek() {
	case '{':
		w.members('}', func() {
			raw := w.text()
			key := unquote(raw)
			if clean, n := String(key); n > 0 {
				w.replace(len(raw), clean, n)
			} else {
				w.keep(w.at + len(raw))
			}
			w.space()
			w.keep(w.at + 1) // ':'
			w.space()
			w.member(prefix, key)
		})
	case '[':
		w.members(']', func() { w.value(prefix) })
	case '"':
		raw := w.text()
		if clean, n := stringOrBase64(unquote(raw)); n > 0 {
			w.replace(len(raw), clean, n)
			return
		}
		w.keep(w.at + len(raw))
	default:
		w.keep(w.scalarEnd())
	}
}

// member copies the value of key.
func (w *walker) member(prefix, key string) {
	if !KeyIn(prefix, key) {
		w.value(prefix + key + ".")
		return
	}
	start, out, n := w.at, len(w.out), w.n
	w.value("") // to find its end
	if value := w.in[start:min(w.at, len(w.in))]; revealingJSON(value) {
		w.out, w.n = append(w.out[:out], '"'), n+1
		w.out = append(append(w.out, Mark...), '"')
	}
}

// revealingJSON says whether a value can be a secret: whether it is something and not only a yes or no.
func revealingJSON(value []byte) bool {
	switch string(value) {
	case "null", "true", "false", "\"\"", "[]", "{}", "\"" + Mark + "\"":
		return false
	}
	return true
}

// members copies an object or array whose members are copied by each.
func (w *walker) members(closing byte, each func()) {
	w.keep(w.at + 1)
	for {
		w.space()
		switch w.peek() {
		case 0:
			w.broken = true
			return
		case closing:
			w.keep(w.at + 1)
			return
		case ',':
			w.keep(w.at + 1)
			w.space()
		}
		before := w.at
		each()
		if w.at == before {
			w.broken = true
			return
		}
	}
}

func (w *walker) peek() byte {
	if w.at >= len(w.in) {
		return 0
	}
	return w.in[w.at]
}

func (w *walker) space() {
	end := w.at
	for end < len(w.in) && isSpace(w.in[end]) {
		end++
	}
	w.keep(end)
}

func (w *walker) keep(to int) {
	to = min(to, len(w.in))
	w.out = append(w.out, w.in[w.at:to]...)
	w.at = to
}

func (w *walker) replace(size int, s string, n int) {
	w.at += size
	w.n += n
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string it cannot fail
	w.out = append(w.out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// text returns the quoted string at the current position.
func (w *walker) text() []byte {
	for i := w.at + 1; i < len(w.in); i++ {
		switch w.in[i] {
		case '\\':
			i++
		case '"':
			return w.in[w.at : i+1]
		}
	}
	w.broken = true
	return w.in[w.at:]
}

func (w *walker) scalarEnd() int {
	end := w.at
	for end < len(w.in) && !isSpace(w.in[end]) && bytes.IndexByte([]byte(",]}"), w.in[end]) < 0 {
		end++
	}
	return end
}

func unquote(raw []byte) string {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// minBase64 is the shortest text that is tried as base64: what encoding/json makes of byte slices.
const minBase64 = 12

func stringOrBase64(s string) (string, int) {
	if clean, n := String(s); n > 0 {
		return clean, n
	}
	if len(s) < minBase64 || len(s)%4 != 0 {
		return s, 0
	}
	if text, err := base64.StdEncoding.DecodeString(s); err == nil {
		if _, n := String(string(text)); n > 0 {
			return Mark, n
		}
	}
	return s, 0
}
