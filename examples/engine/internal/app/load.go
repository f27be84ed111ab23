// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Load reads an application file. set replaces variables of the file.
func Load(path string, set map[string]string) (*App, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("could not read the application: %w", err)
	}
	a, err := Parse(text, set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// Parse reads the text of an application file.
func Parse(text []byte, set map[string]string) (*App, error) {
	var head struct {
		Vars map[string]string `toml:"vars"`
	}
	if err := toml.Unmarshal(text, &head); err != nil {
		return nil, located(err)
	}
	for name, value := range set {
		if _, ok := head.Vars[name]; !ok {
			return nil, fmt.Errorf("there is no variable %q to set; it has %s", name, list(maps.Keys(head.Vars)))
		}
		head.Vars[name] = value
	}
	var unknown error
	text = variable.ReplaceAllFunc(text, func(ref []byte) []byte {
		name := string(ref[2 : len(ref)-1])
		value, ok := head.Vars[name]
		if !ok {
			unknown = fmt.Errorf("${%s} is not a variable of [vars]; it has %s", name, list(maps.Keys(head.Vars)))
		}
		quoted := strconv.Quote(value)
		return []byte(quoted[1 : len(quoted)-1]) // what stands inside a basic string
	})
	if unknown != nil {
		return nil, unknown
	}
	a := &App{}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(a); err != nil {
		return nil, located(err)
	}
	a.defaults()
	return a, a.Validate()
}

// located puts the place and the key into the message.
func located(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("line %d: unknown key %q", line, strings.Join(e.Key(), "."))
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		return fmt.Errorf("line %d, column %d: %w", line, column, err)
	}
	return err
}

func list(names func(func(string) bool)) string {
	return strings.Join(slices.Sorted(names), ", ")
}

// DefaultQueue is the room of a subscriber's queue, in batches.
const DefaultQueue = 64

const (
	defaultBatch    = 64
	defaultInterval = 10 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultCache    = 10_000
)

func (a *App) defaults() {
	or(&a.State.Interval, Duration(defaultInterval))
	or(&a.State.Timeout, Duration(defaultTimeout))
	if len(a.Nodes) > 0 {
		a.placed(func(_ string, node *string) { or(node, a.Nodes[0]) })
	}
	for i := range a.Streams {
		s := &a.Streams[i]
		or(&s.Backpressure, "block")
		or(&s.Queue, DefaultQueue)
		or(&s.Timeout, Duration(defaultInterval))
	}
	for i := range a.Sources {
		or(&a.Sources[i].Batch, defaultBatch)
	}
	for i := range a.Tables {
		or(&a.Tables[i].Type, "memory")
		or(&a.Tables[i].Cache, defaultCache)
	}
	for i := range a.Queries {
		q := &a.Queries[i]
		if q.Join != nil {
			or(&q.Join.Type, "inner")
		}
		if q.Window != nil {
			or(&q.Window.Late, "drop")
		}
	}
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Duration is a time.Duration written as in Go: "1s", "24h".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Float is a number that may also be written as text, because variables are.
type Float float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Float) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*f = Float(v)
	return err
}

// Int is a whole number that may also be written as text.
type Int int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Int) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	*i = Int(v)
	return err
}
