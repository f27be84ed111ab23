// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bar is one line of a generated input, as the plain reimplementation sees it.
type bar struct {
	at     time.Time
	symbol string
	price  float64
	volume int64
}

// writeBars makes a CSV file of n bars: daily ones of known symbols and
// one-minute ones of a symbol the table lacks, sorted by time.
func writeBars(t testing.TB, n int) (path string, bars []bar) {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 10))
	path = filepath.Join(t.TempDir(), "bars.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "timestamp,symbol,open,high,low,close,volume")
	at := time.Date(1995, 1, 3, 21, 0, 0, 0, time.UTC)
	symbols := []string{"ORCL", "YHOO", "NVDA"}
	prices := map[string]float64{"ORCL": 4.5, "YHOO": 30, "NVDA": 12, "STOXX50F": 3600}
	for len(bars) < n {
		b := bar{at: at, symbol: "STOXX50F", volume: int64(rng.IntN(9)) * 100}
		if i := len(bars) % 10; i < len(symbols) {
			b.symbol = symbols[i]
		}
		if at = at.Add(time.Minute); len(bars)%10 == 9 {
			at = at.Add(24 * time.Hour)
		}
		prices[b.symbol] = math.Max(1, prices[b.symbol]*(1+(rng.Float64()-0.5)*0.2))
		b.price = math.Round(prices[b.symbol]*100) / 100
		bars = append(bars, b)
		fmt.Fprintf(w, "%s,%s,1,1,1,%.2f,%d\n", b.at.Format(time.RFC3339), b.symbol, b.price, b.volume)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path, append(bars[:0:0], bars...)
}

// expected is what must come out, computed from whole lists.
type expected struct {
	passed, aggregates, joined, alerts int64
}

func compute(bars []bar, size time.Duration, results int, threshold float64) (e expected) {
	type key struct {
		start  time.Time
		symbol string
	}
	groups := map[key][]float64{}
	var order []key
	for _, b := range bars {
		if b.price < 5 || b.volume <= 0 {
			continue
		}
		e.passed++
		k := key{b.at.Truncate(size), b.symbol}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], b.price)
	}
	history := map[string][]float64{}
	for _, k := range order {
		e.aggregates++
		if k.symbol == "STOXX50F" {
			continue
		}
		e.joined++
		avg := mean(groups[k])
		h := append(history[k.symbol], avg)
		history[k.symbol] = h
		m := mean(h[max(0, len(h)-results):])
		if math.Abs(avg-m) > threshold*m {
			e.alerts++
		}
	}
	return e
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
