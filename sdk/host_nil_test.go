// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/health"
	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// modulePath is where types of ours come from.
var modulePath = reflect.TypeFor[telemetry.SDK]().PkgPath()

// nilWalk calls every method of every type that can be reached from nil handles.
type nilWalk struct {
	t    *testing.T
	seen map[reflect.Type]bool
}

// visit calls the methods of typ's zero value with zero arguments, and goes on with what they return.
func (w *nilWalk) visit(typ reflect.Type) {
	if named := deref(typ); w.seen[typ] || !strings.HasPrefix(named.PkgPath(), modulePath) || typ.Kind() == reflect.Interface {
		return
	}
	w.seen[typ] = true
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		args := []reflect.Value{reflect.Zero(typ)}
		for j := 1; j < m.Type.NumIn(); j++ {
			args = append(args, argument(m.Type.In(j)))
		}
		assert.NotPanics(w.t, func() {
			if m.Type.IsVariadic() {
				m.Func.CallSlice(args)
			} else {
				m.Func.Call(args)
			}
		}, "%s.%s", typ, m.Name)
		for j := range m.Type.NumOut() {
			w.visit(m.Type.Out(j))
		}
	}
}

func deref(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return typ
}

// argument is a zero value, or a context.
func argument(typ reflect.Type) reflect.Value {
	if typ == reflect.TypeFor[context.Context]() {
		return reflect.ValueOf(context.Background())
	}
	return reflect.Zero(typ)
}

func TestEveryMethodOfEveryHandleIsLegalOnNil(t *testing.T) {
	w := nilWalk{t: t, seen: make(map[reflect.Type]bool)}
	w.visit(reflect.TypeFor[*telemetry.SDK]())
	w.visit(reflect.TypeFor[telemetry.Config]())
	w.visit(reflect.TypeFor[*health.Registry]())
	w.visit(reflect.TypeFor[*health.Pipeline]())
	w.visit(reflect.TypeFor[*logs.File]())

	byPackage := map[string]string{".": "telemetry", "health": "health", "logs": "logs"}
	visited := make(map[string]bool)
	for typ := range w.seen {
		visited[deref(typ).String()] = true
	}
	for dir, pkg := range byPackage {
		for _, name := range pointerTypes(t, dir) {
			assert.True(t, visited[pkg+"."+name], "%s.%s has methods, but is not reached", pkg, name)
		}
	}
	assert.Greater(t, len(w.seen), 20)
}

// pointerTypes lists the exported types of a package with exported methods on pointers.
func pointerTypes(t *testing.T, dir string) (names []string) {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // no types are needed
	require.NoError(t, err)
	for _, p := range packages {
		for _, file := range p.Files {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Recv == nil || !f.Name.IsExported() {
					continue
				}
				star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
				if !ok {
					continue
				}
				if name, ok := star.X.(*ast.Ident); ok && name.IsExported() && name.Name != "Level" { // a value that is unmarshaled
					names = append(names, name.Name)
				}
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

// hot is what an engine calls all the time, on handles of one SDK.
func hot(sdk *telemetry.SDK) map[string]func() {
	a := sdk.App("orders")
	q := a.Query("q1")
	s := a.Stream("In")
	in, out, w := q.Input("In"), q.Output("Out"), q.Worker()
	conns, lag := a.Connections("grpc"), q.EventTimeLag()
	expired, took := q.EventsExpired(), q.EndToEndLatency()
	ctx := context.Background()
	var b telemetry.Batch
	return map[string]func(){
		"Begin":     func() { b = w.Begin(ctx, telemetry.Arrival{Count: 1}) },
		"Processed": func() { b.Processed(in, 1) },
		"Emitted":   func() { b.Emitted(out, 1) },
		"Span":      func() { s := b.Span(telemetry.StageFilter); s.End() },
		"Sampled":   func() { _ = b.Sampled() },
		"End":       func() { b.End() },
		"Received":  func() { s.Received(1) },
		"Sent":      func() { s.Sent(1) },
		"Opened":    func() { conns.Opened() },
		"Gauge":     func() { lag.Set(1) },
		"Counter":   func() { expired.Inc() },
		"Histogram": func() { took.Observe(1) },
		"Operation": func() { _, op := sdk.Operation(ctx, telemetry.OperationCheckpoint); op.End() },
	}
}

// off returns the ways of having no telemetry.
func off(tb testing.TB) map[string]*telemetry.SDK {
	tb.Helper()
	tb.Setenv("OTEL_SDK_DISABLED", "true")
	disabled, err := telemetry.Start(context.Background(), telemetry.Config{Level: telemetry.Detail})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, disabled.Shutdown(context.Background())) })
	return map[string]*telemetry.SDK{"nil": nil, "noop": telemetry.Noop(), "disabled": disabled}
}

func TestTelemetryThatIsOffAllocatesNothing(t *testing.T) {
	for name, sdk := range off(t) {
		for call, f := range hot(sdk) {
			assert.Zero(t, testing.AllocsPerRun(100, f), "%s %s", name, call)
		}
	}
}

// loops are the calls an engine makes per event and per batch, n times each.
func loops(sdk *telemetry.SDK) map[string]func(n int) {
	a := sdk.App("orders")
	q := a.Query("q1")
	s, in, w := a.Stream("In"), q.Input("In"), q.Worker()
	ctx, arrival := context.Background(), telemetry.Arrival{Count: 1}
	b := w.Begin(ctx, arrival)
	return map[string]func(n int){
		"Begin": func(n int) {
			for range n {
				last := w.Begin(ctx, arrival)
				runtime.KeepAlive(last)
			}
		},
		"Processed": func(n int) {
			for range n {
				b.Processed(in, 1)
			}
		},
		"Span": func(n int) {
			for range n {
				span := b.Span(telemetry.StageFilter)
				span.End()
			}
		},
		"Received": func(n int) {
			for range n {
				s.Received(1)
			}
		},
		"End": func(n int) {
			for range n {
				b.End()
			}
		},
	}
}

// BenchmarkOff measures what a call costs while telemetry is off: under 2 ns above the loop.
func BenchmarkOff(b *testing.B) {
	b.Run("loop", func(b *testing.B) {
		for range b.N {
			runtime.KeepAlive(b)
		}
	})
	for name, sdk := range off(b) {
		for call, f := range loops(sdk) {
			b.Run(name+"/"+call, func(b *testing.B) { f(b.N) })
		}
	}
}
