// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/outbound"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/signals"
	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/verdict"
)

// Exporters that have this extension among their middlewares pass each attempt
// to send through here.
var (
	_ extensionmiddleware.GRPCClient              = (*healthExtension)(nil)
	_ extensionmiddleware.HTTPClient              = (*healthExtension)(nil)
	_ extensioncapabilities.ConfigSnapshotWatcher = (*healthExtension)(nil)
)

// GetGRPCClientOptions implements [extensionmiddleware.GRPCClient].
func (e *healthExtension) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(e.call)}, nil
}

func (e *healthExtension) call(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	attempt := e.outbound.Begin(cc.Target(), time.Now())
	err := invoke(ctx, method, req, reply, cc, opts...)
	reason, abandoned := outbound.GRPC(err)
	e.ended(attempt, reason, abandoned)
	return err
}

// GetHTTPRoundTripper implements [extensionmiddleware.HTTPClient].
func (e *healthExtension) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return &roundTripper{extension: e, next: next}, nil
	}, nil
}

type roundTripper struct {
	extension *healthExtension
	next      http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	attempt := t.extension.outbound.Begin(r.URL.Scheme+"://"+r.URL.Host, time.Now())
	response, err := t.next.RoundTrip(r)
	reason, abandoned := outbound.HTTP(response, err)
	t.extension.ended(attempt, reason, abandoned)
	return response, err
}

func (e *healthExtension) ended(attempt outbound.Attempt, reason string, abandoned bool) {
	switch {
	case abandoned:
		e.outbound.Abandoned(attempt, time.Now())
	case reason != "":
		e.outbound.Failed(attempt, reason, time.Now())
	default:
		e.outbound.Succeeded(attempt, time.Now())
	}
}

// NotifyConfigSnapshot implements [extensioncapabilities.ConfigSnapshotWatcher].
// It is called before the first exporter starts.
func (e *healthExtension) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	config, id := snapshot.Effective().ToStringMap(), e.set.ID.String()
	t := outbound.TopologyOf(config, id)
	e.topology.Store(&t)
	for _, advice := range drain.Advice(config, id, e.cfg.Drain.Max) {
		e.set.Logger.Warn("A drain may not deliver everything: " + advice)
	}
	return nil
}

// seen is what exporters meet, also where nothing is wrong.
func (e *healthExtension) seen(now time.Time) *verdict.Seen {
	s := &verdict.Seen{Destinations: []verdict.Destination{}, Queues: append([]signals.Queue{}, e.backlog.All()...)}
	troubles, _ := e.outbound.Troubles(now)
	topology := e.topology.Load()
	for _, address := range e.outbound.Addresses() {
		wrong := slices.ContainsFunc(troubles, func(t outbound.Trouble) bool { return t.Address == address })
		address = outbound.Address(address)
		s.Destinations = append(s.Destinations, verdict.Destination{Address: address, Exporters: topology.Exporters[address], OK: !wrong})
	}
	if e.storage != nil {
		s.Storage = &verdict.Storage{Storage: e.cfg.Storage.String(), TookSeconds: e.storage.writes.At(now).Took.Seconds()}
	}
	return s
}

// outside is the evidence of what exporters meet.
func (e *healthExtension) outside(now time.Time) verdict.Outside {
	troubles, destinations := e.outbound.Troubles(now)
	topology := e.topology.Load()
	for i := range troubles {
		t := &troubles[i]
		t.Address = outbound.Address(t.Address)
		t.Exporters = topology.Exporters[t.Address]
	}
	return verdict.Outside{
		Destinations: destinations, Troubles: troubles, Backlog: e.backlog.High(), Losses: e.losses.Recent(),
		Unwatched: topology.Unwatched, Watcher: e.set.ID.String(),
	}
}
