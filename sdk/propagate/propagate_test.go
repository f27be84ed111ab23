// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package propagate_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	"github.com/eventflux-io/eventflux-otel/sdk/propagate"
)

// origin is a context with everything that can travel.
func origin(tb testing.TB) (context.Context, trace.SpanContext) {
	tb.Helper()
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		tb.Fatal(err)
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5}, TraceFlags: trace.FlagsSampled, TraceState: state,
	})
	member, err := baggage.NewMember("tenant", "a")
	if err != nil {
		tb.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		tb.Fatal(err)
	}
	return baggage.ContextWithBaggage(trace.ContextWithSpanContext(context.Background(), sc), bag), sc.WithRemote(true)
}

func check(t *testing.T, got context.Context, want trace.SpanContext) {
	t.Helper()
	if sc := trace.SpanContextFromContext(got); !sc.Equal(want) {
		t.Errorf("span context = %+v, want %+v", sc, want)
	}
	if tenant := baggage.FromContext(got).Member("tenant").Value(); tenant != "a" {
		t.Errorf("baggage tenant = %q, want a", tenant)
	}
}

func TestHeaderMapRoundTrip(t *testing.T) {
	ctx, want := origin(t)
	headers := map[string]string{}
	propagate.InjectMap(ctx, headers)
	if got := headers["traceparent"]; got != "00-01020300000000000000000000000000-0405000000000000-01" {
		t.Errorf("traceparent = %q", got)
	}
	check(t, propagate.ExtractMap(context.Background(), headers), want)
}

func TestMetadataRoundTrip(t *testing.T) {
	ctx, want := origin(t)
	md := metadata.MD{}
	propagate.InjectMetadata(ctx, md)
	check(t, propagate.ExtractMetadata(context.Background(), md), want)
}

func TestBaggageOfSeveralMetadataValuesIsJoined(t *testing.T) {
	md := metadata.Pairs("baggage", "tenant=a", "baggage", "region=eu")
	bag := baggage.FromContext(propagate.ExtractMetadata(context.Background(), md))
	if bag.Len() != 2 {
		t.Errorf("baggage = %s, want both values", bag)
	}
}

func TestNilCarriersAreLegal(t *testing.T) {
	ctx, _ := origin(t)
	propagate.InjectMap(ctx, nil)
	propagate.InjectMetadata(ctx, nil)
	for _, got := range []context.Context{propagate.ExtractMap(context.Background(), nil), propagate.ExtractMetadata(context.Background(), nil)} {
		if trace.SpanContextFromContext(got).IsValid() {
			t.Error("a span context came out of nothing")
		}
	}
}

func TestHostileHeadersAreBounded(t *testing.T) {
	parent := "00-01020300000000000000000000000000-0405000000000000-01"
	var many []string
	for i := range 10_000 {
		many = append(many, "baggage", "k"+strconv.Itoa(i)+"=v")
	}
	for name, md := range map[string]metadata.MD{
		"huge value":     metadata.Pairs("baggage", "k="+strings.Repeat("v", 10<<20)),
		"huge list":      metadata.Pairs("baggage", strings.Repeat("k=v,", 1<<20)),
		"many headers":   metadata.Pairs(many...),
		"many members":   metadata.Pairs("baggage", strings.Join(strings.Fields(strings.Repeat("a=b ", 500)), ",")),
		"bad escapes":    metadata.Pairs("baggage", strings.Repeat("k=%zz,", 1000)),
		"huge state":     metadata.Pairs("traceparent", parent, "tracestate", strings.Repeat("a=b,", 1<<20)),
		"huge parent":    metadata.Pairs("traceparent", strings.Repeat("0", 1<<20)),
		"several parent": metadata.Pairs("traceparent", "x", "traceparent", parent),
	} {
		t.Run(name, func(t *testing.T) {
			headers := map[string]string{}
			for key, values := range md {
				headers[key] = values[0]
			}
			for _, ctx := range []context.Context{
				propagate.ExtractMetadata(context.Background(), md), propagate.ExtractMap(context.Background(), headers),
			} {
				bag := baggage.FromContext(ctx)
				assert.LessOrEqual(t, bag.Len(), 64)
				assert.LessOrEqual(t, len(bag.String()), 8192)
				assert.LessOrEqual(t, trace.SpanContextFromContext(ctx).TraceState().Len(), 32)
			}
		})
	}
}

// FuzzExtract holds that no header panics, that map and metadata agree, and that what was accepted survives
// another round trip.
func FuzzExtract(f *testing.F) {
	f.Add("00-01020300000000000000000000000000-0405000000000000-01", "vendor=1", "tenant=a")
	f.Add("ff-00-00-zz", ",,=", ";=,")
	f.Add("", strings.Repeat("a=b,", 40), "k=%zz")
	f.Fuzz(func(t *testing.T, parent, state, bag string) {
		headers := map[string]string{"traceparent": parent, "tracestate": state, "baggage": bag}
		ctx := propagate.ExtractMap(context.Background(), headers)
		md := propagate.ExtractMetadata(context.Background(), metadata.New(headers))
		sc := trace.SpanContextFromContext(ctx)
		if !sc.Equal(trace.SpanContextFromContext(md)) {
			t.Fatal("map and metadata disagree")
		}
		again := map[string]string{}
		propagate.InjectMap(ctx, again)
		if back := trace.SpanContextFromContext(propagate.ExtractMap(context.Background(), again)); sc.IsValid() && !back.Equal(sc) {
			t.Fatalf("round trip changed %+v to %+v", sc, back)
		}
	})
}
