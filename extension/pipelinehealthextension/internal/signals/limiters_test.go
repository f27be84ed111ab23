// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package signals

import (
	"context"
	"testing"

	"github.com/eventflux-io/eventflux-otel/internal/cardinalityview"
)

type limiter string

func (l limiter) Cardinality(top int, limits []int) cardinalityview.Report {
	return cardinalityview.Report{Processor: string(l), Series: cardinalityview.Budget{Limit: top, Used: len(limits)}}
}

func TestReportsOfAllLimiters(t *testing.T) {
	var l Limiters
	if got := l.Reports(20, nil); got == nil || len(got) != 0 {
		t.Errorf("without limiters: %v, want an empty list", got)
	}
	l.Register(limiter("cardinality_limit/b"))
	unregister := l.Register(limiter("cardinality_limit/a"))
	got := l.Reports(20, []int{1, 2, 3})
	if len(got) != 2 || got[0].Processor != "cardinality_limit/a" || got[1].Processor != "cardinality_limit/b" {
		t.Fatalf("got %v, want both by ID", got)
	}
	if want := (cardinalityview.Budget{Limit: 20, Used: 3}); got[0].Series != want {
		t.Errorf("the limiter was asked for %v, want %v", got[0].Series, want)
	}
	unregister()
	unregister()
	if got := l.Reports(20, nil); len(got) != 1 {
		t.Errorf("after one left: %v", got)
	}
}

type holding struct {
	limiter
	held int
}

func (h holding) Drain(context.Context) int { return h.held }

func TestLimitersDrain(t *testing.T) {
	var l Limiters
	l.Register(limiter("of an older version"))
	l.Register(holding{"a", 3})
	l.Register(holding{"b", 4})
	if held := l.Drain(t.Context()); held != 7 {
		t.Errorf("%d points are held, want 7", held)
	}
}
