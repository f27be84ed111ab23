// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

func TestDeclaredColumnsAreExported(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	q := sdk.App("orders").Query("q1")
	require.NoError(t, q.EmitMetrics(
		telemetry.Column{Name: "total_trades", Total: true, Unit: "{trade}"},
		telemetry.Column{Name: "avg_price", Attributes: []string{"symbol"}},
	))
	q.Emit("total_trades", 3)
	q.Emit("total_trades", 4)
	q.Emit("avg_price", 10, attribute.String("symbol", "A"))
	q.Emit("avg_price", 11, attribute.String("symbol", "A"))
	q.Emit("avg_price", 99, attribute.String("symbol", "B"))
	q.Emit("surprise", 1)
	q.Emit("avg_price", 1, attribute.String("customer", "x"))
	q.Emit("avg_price", math.NaN())
	q.Emit("total_trades", -1)
	flush(t, sdk)

	m := c.newest()
	trades := m["eventflux.custom.total_trades"]
	require.NotNil(t, trades)
	assert.True(t, trades.GetSum().IsMonotonic)
	assert.Equal(t, "{trade}", trades.Unit)
	assert.Equal(t, []string{"{query.id=q1} 7"}, points(t, trades.GetSum().DataPoints))
	assert.ElementsMatch(t, []string{"{query.id=q1 symbol=A} 11", "{query.id=q1 symbol=B} 99"}, points(t, m["eventflux.custom.avg_price"].GetGauge().DataPoints))
	assert.ElementsMatch(t, []string{"{eventflux.drop.reason=undeclared} 2", "{eventflux.drop.reason=invalid} 2", "{eventflux.drop.reason=limit} 0"},
		points(t, m["eventflux.telemetry.custom.dropped"].GetSum().DataPoints))

	q.Close()
	flush(t, sdk)
	flush(t, sdk)
	assert.NotContains(t, c.newest(), "eventflux.custom.avg_price", "they end with their query")
}

func TestColumnsThatCannotBeExported(t *testing.T) {
	sdk := start(t, newCollector(t, telemetry.ProtocolGRPC), telemetry.ProtocolGRPC, telemetry.Config{})
	app := sdk.App("orders")
	q, other := app.Query("q1"), app.Query("q2")
	require.NoError(t, q.EmitMetrics(telemetry.Column{Name: "price", Unit: "usd"}))
	require.NoError(t, other.EmitMetrics(telemetry.Column{Name: "price", Unit: "usd"}), "two queries may mean the same")
	for want, column := range map[string]telemetry.Column{
		"want a name of lower case words":                 {Name: "Total-Trades"},
		"it has 5 attributes, at most 4":                  {Name: "wide", Attributes: make([]string, 5)},
		`query "q1" has declared it already`:              {Name: "price", Unit: "usd"},
		"another query declared it with another unit":     {Name: "price", Unit: "eur"},
		"another query declared it with another unit or ": {Name: "price", Unit: "usd", Total: true},
	} {
		require.ErrorContains(t, q.EmitMetrics(column), want)
	}
	var err error
	for i := range 300 {
		err = q.EmitMetrics(telemetry.Column{Name: fmt.Sprint("c", i)})
	}
	require.ErrorContains(t, err, "200 names are declared already, which is the limit")
}

func TestAColumnHoldsABoundedNumberOfAttributeSets(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	q := sdk.App("orders").Query("q1")
	require.NoError(t, q.EmitMetrics(telemetry.Column{Name: "n", Attributes: []string{"k"}}))
	for i := range 1000 {
		q.Emit("n", 1, attribute.Int("k", i))
	}
	flush(t, sdk)
	m := c.newest()
	assert.Len(t, m["eventflux.custom.n"].GetGauge().DataPoints, 200)
	assert.Contains(t, points(t, m["eventflux.telemetry.custom.dropped"].GetSum().DataPoints), "{eventflux.drop.reason=limit} 800")
}
