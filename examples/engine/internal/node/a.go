// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
	"github.com/eventflux-io/eventflux-otel/sdk/semconv"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/expr"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/feed"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/junction"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/link"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/market"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/operator"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/query"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/source"
)

// A reads trades and sends window aggregates to node B.
type A struct {
	*app
	reader source.Reader
	pump   *feed.Pump
	window *operator.Tumbling
}

// rateWindow is the timer period of trade_rate.
const rateWindow = time.Second

// rateMetrics is what trade_rate emits as metrics:
//
//	SELECT COUNT(*) AS total_trades, AVG(price) AS avg_price FROM StockStream EMIT METRICS
//
// The total is over all windows, the average that of the last one.
var rateMetrics = []query.Metric{
	{Column: "trades", As: telemetry.Column{Name: "total_trades", Total: true, Unit: "{trade}"}},
	{Column: "avg_price", As: telemetry.Column{Name: "avg_price"}},
}

// NewA builds node A. Close releases it.
func NewA(sdk *telemetry.SDK, cfg Config) (*A, error) {
	app := newApp(sdk, cfg)
	client, err := link.NewClient(cfg.Peer, market.Aggregate, app.names, link.NewMeter(app.handle, semconv.DirectionOut))
	if err != nil {
		return nil, err
	}
	app.closers = append(app.closers, client)
	return newA(app, client)
}

// newA builds node A with any sink in the place of the link.
func newA(app *app, out sink.Sink) (*A, error) {
	a := &A{app: app}
	if err := a.deploy(func() error { return a.build(out) }); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *A) build(out sink.Sink) error {
	kind, err := a.openSource()
	if err != nil {
		return err
	}
	stock := a.stream(market.Stock)
	a.pump = feed.New(feed.Config{
		Reader: a.reader, Kind: kind, Into: stock, Handle: a.handle.Source(stock.Name(), kind),
		Batch: a.cfg.Batch, Rate: a.cfg.Rate, Limit: a.cfg.Events, Duration: a.cfg.Duration,
	})
	return a.deployQueries(stock, out)
}

func (a *A) deployQueries(stock *junction.Junction, out sink.Sink) error {
	predicate, err := expr.Compile(a.cfg.Filter, market.Stock, a.names)
	if err != nil {
		return err
	}
	filtered := a.stream(market.Filtered)
	aggregates, rates := a.stream(market.Aggregate), a.stream(market.TradeRate)
	a.window = operator.NewTumbling(a.cfg.Window, market.Filtered, "symbol", "price", market.Aggregate)

	return errors.Join(a.query(query.Config{
		ID: "price_filter", From: stock.Subscribe(queueBatches), Into: filtered,
		Operators: []operator.Operator{operator.NewFilter(predicate, market.Filtered)},
		Errors:    []string{operator.ErrorExpression},
	}), a.query(query.Config{
		ID: "stock_aggregation", From: filtered.Subscribe(queueBatches), Into: aggregates,
		Operators: []operator.Operator{a.window},
		Errors:    []string{operator.ErrorLateEvent},
		Sinks:     []sink.Sink{out},
	}), a.query(query.Config{
		ID: "trade_rate", From: stock.Subscribe(queueBatches), Into: rates,
		Operators: []operator.Operator{operator.NewRate(rateWindow, market.Stock, "volume", "price", market.TradeRate)},
		Every:     rateWindow,
		Metrics:   rateMetrics,
		Sinks:     []sink.Sink{sink.NewLog(a.streamLogger("trade_rate", market.TradeRate), a.names, "trade rate")},
	}))
}

func (a *A) openSource() (kind string, err error) {
	if a.cfg.Replay == "" {
		companies := market.Traded(a.cfg.Symbols)
		symbols := make([]string, len(companies))
		for i, c := range companies {
			symbols[i] = c.Symbol
		}
		a.reader, err = source.NewGenerator(market.Stock, a.names, symbols, a.cfg.Seed)
		return "generator", err
	}
	file, err := source.OpenCSV(a.cfg.Replay, market.Stock, a.names)
	if err != nil {
		return "", fmt.Errorf("open replay file: %w; give an existing CSV file to --replay", err)
	}
	file.OnReject = a.rejected()
	a.reader = file
	a.closers = append(a.closers, file)
	return "csv", nil
}

// rejected counts the records that cannot be read, and logs the first few.
func (a *A) rejected() func(error) {
	const most = 5
	logger, n := a.logger.With("stream.name", market.Stock.Stream), 0
	skipped := a.handle.Source(market.Stock.Stream, "csv").MappingErrors("csv")
	return func(err error) {
		skipped.Inc()
		if n++; n <= most {
			logger.Warn("record skipped", "file", a.cfg.Replay, "error", err.Error())
		}
	}
}

// Run works until the input has ended, or the drain period after stop, and all
// of it is acknowledged. With Linger it then waits for stop.
func (a *A) Run(ctx, stop context.Context) error {
	a.logger.InfoContext(ctx, "node a started", "peer", a.cfg.Peer, "window", a.cfg.Window.String(), "filter", a.cfg.Filter)
	if err := a.run(ctx, stop, a.pump.Read, a.pump.Run); err != nil {
		return err
	}
	a.logTotals(ctx, a.Totals())
	if a.cfg.Linger {
		<-stop.Done()
	}
	return nil
}

// Totals returns the counts so far.
func (a *A) Totals() Totals {
	t := a.totals()
	t.Read, t.Late = a.pump.Read(), a.window.Late()
	t.Rejected = a.reader.Rejected()
	return t
}

// Close releases the node. Call it after Run.
func (a *A) Close() error { return a.close() }
