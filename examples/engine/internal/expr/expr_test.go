// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

var stock = &event.Schema{Stream: "StockStream", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol}, {Name: "price", Type: event.Float}, {Name: "volume", Type: event.Int},
}}

func row(symbol event.ID, price float64, volume int64) event.Row {
	r := event.NewBatch(stock, 1).Append()
	r.SetTime(0)
	r.SetSymbol(0, symbol)
	r.SetFloat(1, price)
	r.SetInt(2, volume)
	return r
}

func TestExpressionsAgreeWithGo(t *testing.T) {
	var names event.Symbols
	orcl, _ := names.Intern("ORCL")
	other, _ := names.Intern("other")
	tests := map[string]func(s event.ID, p float64, v int64) bool{
		"price >= 5.0 && volume > 0":     func(_ event.ID, p float64, v int64) bool { return p >= 5 && v > 0 },
		"price < 5 || volume == 3":       func(_ event.ID, p float64, v int64) bool { return p < 5 || v == 3 },
		"!(price <= 5) && volume != 0":   func(_ event.ID, p float64, v int64) bool { return !(p <= 5) && v != 0 },
		"symbol == 'ORCL' && price > -1": func(s event.ID, p float64, _ int64) bool { return s == orcl && p > -1 },
		"symbol != \"ORCL\"":             func(s event.ID, _ float64, _ int64) bool { return s != orcl },
		"price + 2*volume - 1 >= 10":     func(_ event.ID, p float64, v int64) bool { return p+2*float64(v)-1 >= 10 },
		"5 < price && -volume < -2":      func(_ event.ID, p float64, v int64) bool { return 5 < p && -v < -2 },
		"price >= 1 || price < 1 && volume > 2 || 1 > 2": func(_ event.ID, p float64, v int64) bool {
			return p >= 1 || p < 1 && v > 2
		},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for source, want := range tests {
		p, err := Compile(source, stock, &names)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for range 1000 {
			s, price, volume := orcl, float64(rng.IntN(12)), int64(rng.IntN(5))
			if rng.IntN(2) == 0 {
				s = other
			}
			got, err := p.Match(row(s, price, volume))
			if err != nil || got != want(s, price, volume) {
				t.Fatalf("%s for %d, %v, %d = %v, %v", source, s, price, volume, got, err)
			}
		}
	}
}

func TestDivisionByZeroFailsTheRowAlone(t *testing.T) {
	p, err := Compile("price / volume > 2", stock, &event.Symbols{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Match(row(0, 5, 0)); !errors.Is(err, ErrDivisionByZero) {
		t.Errorf("err = %v, want ErrDivisionByZero", err)
	}
	if ok, err := p.Match(row(0, 5, 2)); !ok || err != nil {
		t.Errorf("the next row gave %v, %v", ok, err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	tests := map[string]string{
		"":                    "ends too early",
		"price":               "want a condition, got a number",
		"price > ":            "ends too early",
		"prise > 1":           "has no column \"prise\"",
		"price > 'x'":         "does not apply to a number and text",
		"(price > 1":          "not closed",
		"price > 1 price":     "unexpected \"price\" at 10",
		"price # 1":           "unexpected '#' at 6",
		"symbol == 'ORCL":     "no closing",
		"price > 1.2.3":       "cannot be read",
		"!price > 1":          "does not apply to a number",
		"symbol < 'A'":        "does not apply to text and text",
		"price > 1 && volume": "does not apply to a condition and a number",
	}
	for source, want := range tests {
		_, err := Compile(source, stock, &event.Symbols{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile(%q) = %v, want it to say %q", source, err, want)
		}
	}
}

func FuzzCompileNeverPanics(f *testing.F) {
	f.Add("price >= 5.0 && volume > 0")
	f.Add("!(symbol == 'A') || -price / 2 < 1")
	f.Fuzz(func(_ *testing.T, source string) {
		if p, err := Compile(source, stock, &event.Symbols{}); err == nil {
			_, _ = p.Match(row(0, 1, 1))
		}
	})
}
