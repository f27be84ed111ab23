// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"
	"time"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
)

// Outside is the evidence of what exporters meet.
type Outside struct {
	// Troubles are the addresses that exporters do not reach, of Destinations in all.
	Troubles     []outbound.Trouble
	Destinations int
	// Unwatched are exporters of which nothing is known, because they do not name the
	// Watcher among their middlewares.
	Unwatched []string
	Watcher   string
	// Backlog are the sending queues that are nearly full.
	Backlog []signals.Queue
	// Losses are components that did not take data lately.
	Losses []signals.Loss
}

// judgeOutside degrades for each destination that exporters cannot reach, for each queue
// that fills up, and for data that is refused, for however long: queues exist for that, and a restart of the collector would
// not help.
func judgeOutside(r *Report, e Evidence) {
	o := e.Outside
	r.Destinations = Destinations{OK: o.Destinations - len(o.Troubles), Failing: len(o.Troubles)}
	for _, id := range o.Unwatched[:min(len(o.Unwatched), maxReasons)] {
		r.Details.NotSeen = append(r.Details.NotSeen, Reason{Text: fmt.Sprintf(
			"whether exporter %s reaches its backend: add middlewares: [{id: %s}] to it", shorten(id), o.Watcher)})
	}
	r.Details.NotSeen = andMore(r.Details.NotSeen, len(o.Unwatched), "exporters")
	if len(o.Troubles)+len(o.Backlog)+len(o.Losses) == 0 {
		return
	}
	r.Checks.EventPipeline = worse(r.Checks.EventPipeline, Warn)
	var lost []Reason
	for _, l := range o.Losses[:min(len(o.Losses), maxReasons)] {
		lost = append(lost, Reason{Text: fmt.Sprintf(lossFormats[l.Kind], shorten(l.Component), l.Items, since(l.Since, e.Now))})
	}
	r.Details.EventPipeline = append(r.Details.EventPipeline, andMore(lost, len(o.Losses), "components that refuse data")...)
	var full []Reason
	for _, q := range o.Backlog[:min(len(o.Backlog), maxReasons)] {
		full = append(full, Reason{Text: fmt.Sprintf("the sending queue of exporter %s for %s is %d %% full: %d of %d",
			shorten(q.Exporter), q.Signal, 100*q.Size/q.Capacity, q.Size, q.Capacity)})
	}
	r.Details.EventPipeline = append(r.Details.EventPipeline, andMore(full, len(o.Backlog), "sending queues")...)
	var reasons []Reason
	for _, t := range o.Troubles[:min(len(o.Troubles), maxReasons)] {
		reasons = append(reasons, outsideReason(t, e.Now))
	}
	r.Details.EventPipeline = append(r.Details.EventPipeline, andMore(reasons, len(o.Troubles), "destinations in trouble")...)
}

// lossFormats say who did not take how much.
var lossFormats = map[string]string{
	"receiver": "receiver %s refused %d items, %s",
	"exporter": "the sending queue of exporter %s had no room for %d items, %s",
}

// outsideFormats say what is wrong with an address.
var outsideFormats = map[outbound.Kind]string{
	outbound.Failing:      "%s cannot send to %s, %s",
	outbound.Unanswered:   "%s gets no answer from %s, %s",
	outbound.OftenFailing: "%s often fails to send to %s, %s",
}

func outsideReason(t outbound.Trouble, now time.Time) Reason {
	who := "an exporter"
	if len(t.Exporters) > 0 {
		who = "exporter " + shorten(strings.Join(t.Exporters, ", "))
	}
	text := fmt.Sprintf(outsideFormats[t.Kind], who, shorten(t.Address), since(t.Since, now))
	if t.Reason != "" && t.Kind != outbound.Unanswered {
		text += ": " + t.Reason
	}
	return Reason{Text: text}
}
