// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"fmt"
	"time"

	"github.com/eventflux-io/eventflux-otel/sdk/health"
)

// A registry without the SDK: whoever wants to know what happens gives it an Observer.
func ExampleNew() {
	changed := make(chan health.Change, 10)
	registry := health.New(health.Observer{Changed: func(c health.Change) { changed <- c }})
	registry.Register("sink", health.CheckFunc(func(context.Context) health.Result {
		return health.Result{Status: health.Unhealthy, Message: "no route to the broker"}
	}))
	for c := range changed {
		fmt.Println(c.Check, c.From, "->", c.To)
		if c.To == health.Unhealthy {
			break
		}
	}
	fmt.Println("ready:", registry.Ready())

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(registry.Close(ctx), registry.Status())
	// Output:
	// overall healthy -> unknown
	// overall unknown -> unhealthy
	// ready: false
	// <nil> shutting_down
}

// The score of a pipeline falls as its queue fills.
func ExampleNewPipeline() {
	reading := health.Reading{Events: 1000, QueueDepth: 92, QueueCapacity: 100}
	pipeline := health.NewPipeline(func() health.Reading { return reading })
	result := pipeline.Check(context.Background())
	fmt.Println(result.Status, result.Message)
	// Output: degraded score 0.20: the queue is 92% full
}
