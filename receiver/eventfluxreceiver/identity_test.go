// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/metadatatest"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/server"
)

func (b *bench) conflicts(t *testing.T, kind string, want int64) {
	t.Helper()
	metadatatest.AssertEqualReceiverEventfluxIdentityConflicts(t, b.tel, []metricdata.DataPoint[int64]{
		{Value: want, Attributes: attribute.NewSet(attribute.String("conflict", kind))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestTwoProcessesUnderOneIdentityAreToldOnceAndCounted(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	for _, from := range []int64{1, 2, 1, 2} {
		md := engineMetrics(engineA)
		md.ResourceMetrics().At(0).Resource().Attributes().PutInt("process.pid", from)
		origin := overGRPC
		origin.Connection = &server.Connection{ID: uint64(from)}
		b.receiver.take(t, origin, md)
	}
	b.conflicts(t, "process", 2)
	assert.Equal(t, 1, b.logs.FilterMessageSnippet("Two live processes use one identity").Len())
	assert.Len(t, sent(sink), 4, "all data passes")
}

// basicAuth is what authenticators leave in a request's context.
type basicAuth string

func (a basicAuth) GetAttribute(name string) any {
	if name == "username" {
		return string(a)
	}
	return nil
}

func (basicAuth) GetAttributeNames() []string { return []string{"username"} }

func TestWhoIsAuthenticatedAsSomeoneElseSaysNothingOfALiveEngine(t *testing.T) {
	sink, next := collecting()
	b := start(t, testConfig(), next)
	as := func(user string) context.Context {
		return client.NewContext(t.Context(), client.Info{Auth: basicAuth(user)})
	}
	b.receiver.take(t, overGRPC, engineMetrics(engineA)) // nobody is authenticated
	_, err := b.receiver.consumeMetrics(as("alice"), overGRPC, engineMetrics(engineA))
	assert.NoError(t, err)
	seen := b.only(t).LastSeen

	md := engineMetrics(engineA)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).SetIntValue(99)
	_, err = b.receiver.consumeMetrics(as("mallory"), overGRPC, md)
	assert.NoError(t, err)
	td := ptrace.NewTraces()
	assert.NoError(t, td.ResourceSpans().AppendEmpty().Resource().Attributes().FromRaw(engineA))
	b.receiver.admitTraces(as("mallory"), overGRPC, td, time.Now())
	ld := plog.NewLogs()
	assert.NoError(t, ld.ResourceLogs().AppendEmpty().Resource().Attributes().FromRaw(engineA))
	ld.ResourceLogs().At(0).ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName("entity.delete")
	b.receiver.admitLogs(as("mallory"), overGRPC, ld, time.Now())

	engine := b.only(t)
	assert.Equal(t, seen, engine.LastSeen)
	assert.Equal(t, int64(2), engine.Queries)
	assert.Equal(t, "up", engine.State.String(), "only alice says goodbye for it")
	b.conflicts(t, "principal", 3)
	warned := b.logs.FilterMessageSnippet("authenticated as someone else").All()
	assert.Len(t, warned, 1)
	assert.Equal(t, "username=mallory", warned[0].ContextMap()["principal"])
	assert.Len(t, sent(sink), 3, "all data passes")
}
