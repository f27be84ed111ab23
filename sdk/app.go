// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "github.com/eventflux-io/eventflux-otel/sdk/semconv"

// App is one deployed application. It owns the handles bound through it. All methods are safe for concurrent
// use and legal on a nil App, where they return nil handles.
type App struct {
	sdk  *SDK
	name string
	own  bindings
}

// App returns a handle for the application called name. If the SDK is off, it and everything bound through it
// record nothing, except for the loggers, which write to the local log. It is nil if there is no log either.
func (s *SDK) App(name string) *App {
	if s == nil || s.silent {
		return nil
	}
	return &App{sdk: s, name: name}
}

// MemoryFunc reports the memory of one component in eventflux.memory.usage{component}. f returns bytes; it is
// called at every collection on a goroutine of the SDK and should return at once. The component "heap" is
// reported by the SDK itself.
func (a *App) MemoryFunc(component string, f func() int64) {
	if a == nil || f == nil {
		return
	}
	a.own.release(a.sdk.registry.Func(family(semconv.MemoryUsage), asFloat(f), semconv.Component(component)))
}

// Close closes every handle of the application. Their series are exported once more and then end. Closing twice
// is fine.
func (a *App) Close() {
	if a != nil {
		a.own.close()
	}
}

// asFloat adapts a function of the host to the registry. A nil function stays nil.
func asFloat(f func() int64) func() float64 {
	if f == nil {
		return nil
	}
	return func() float64 { return float64(f()) }
}
