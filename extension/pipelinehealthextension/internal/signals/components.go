// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package signals keeps the evidence that the verdict is made of: which
// components of the collector are in trouble, which engines the receivers see,
// and how much memory the process holds.
package signals

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The bounds of what is kept about components.
const (
	maxTroubles = 1000
	maxErrBytes = 256
)

// memoryLimiter is how the names of components begin that report an error for
// exactly as long as they refuse data because memory is short.
const memoryLimiter = "processor memory_limiter"

// Severity is how bad a component's own report is.
type Severity uint8

const (
	// Fine means that nothing is wrong, or that the component has ended.
	Fine Severity = iota
	// Recoverable means an error that the component hopes to get over.
	Recoverable
	// Permanent means an error that needs a person.
	Permanent
)

// Trouble is an error that a component reported and has not taken back.
type Trouble struct {
	// Component names kind, ID and pipelines.
	Component string
	// Pipelines are the IDs of its pipelines; an extension has none.
	Pipelines []string
	// Severity is Recoverable or Permanent.
	Severity Severity
	// Since is the time of the first report. Further reports do not move it, so
	// that a component which repeats itself does not look newly broken.
	Since time.Time
	// Err is the last report's error, cut to a sane length. It may quote
	// addresses and credentials: it is for the log, not for the network.
	Err string
}

// Components remembers the components that are in trouble. The zero value
// knows none.
//
// Components is safe for concurrent use and holds its lock for a few map
// operations only: it is fed under a lock of the whole collector.
type Components struct {
	mu       sync.Mutex
	troubles map[string]Trouble
}

// Observe takes one report of a component of some pipelines at now. It returns
// whether the component got better or worse by it, as opposed to saying the same
// again.
func (c *Components) Observe(component string, pipelines []string, s Severity, err string, now time.Time) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.troubles[component]
	if s == Fine {
		delete(c.troubles, component)
		return known
	}
	since := before.Since
	if !known {
		if len(c.troubles) >= maxTroubles {
			return false
		}
		since = now
	}
	if c.troubles == nil {
		c.troubles = make(map[string]Trouble)
	}
	c.troubles[component] = Trouble{Component: component, Pipelines: pipelines, Severity: s, Since: since, Err: shorten(err)}
	return before.Severity != s
}

// OutOfMemory names a memory_limiter that refuses data, none if none does.
func (c *Components) OutOfMemory() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.troubles {
		if rest, is := strings.CutPrefix(name, memoryLimiter); is && (rest == "" || rest[0] == ' ' || rest[0] == '/') {
			return name
		}
	}
	return ""
}

// Troubles returns a copy, the oldest first.
func (c *Components) Troubles() []Trouble {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Trouble, 0, len(c.troubles))
	for _, t := range c.troubles {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Trouble) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Component, b.Component))
	})
	return list
}

func shorten(s string) string {
	if len(s) <= maxErrBytes {
		return s
	}
	end := maxErrBytes
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
