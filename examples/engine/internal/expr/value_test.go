// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
)

// trade has a column of each type, Float and Int twice.
var trade = &event.Schema{Stream: "Trades", Columns: []event.Column{
	{Name: "symbol", Type: event.Symbol},
	{Name: "price", Type: event.Float},
	{Name: "volume", Type: event.Int},
	{Name: "at", Type: event.Time},
	{Name: "cost", Type: event.Float},
	{Name: "lots", Type: event.Int},
}}

func tradeRow(symbol event.ID, price float64, volume, at int64, cost float64, lots int64) event.Row {
	r := event.NewBatch(trade, 1).Append()
	r.SetTime(0)
	r.SetSymbol(0, symbol)
	r.SetFloat(1, price)
	r.SetInt(2, volume)
	r.SetInt(3, at)
	r.SetFloat(4, cost)
	r.SetInt(5, lots)
	return r
}

func TestValuesHaveTheTypeOfTheirOperands(t *testing.T) {
	var names event.Symbols
	ibm, _ := names.Intern("IBM")
	big := int64(1)<<60 + 1 // a double cannot hold it
	r := tradeRow(ibm, 2.5, big, 7_000, -4.25, -3)
	tests := map[string]any{
		"price": 2.5, "volume": big, "symbol": ibm, "at": event.Time, "'IBM'": ibm, "5": int64(5), "5.0": 5.0,
		"-9223372036854775808": int64(math.MinInt64), "9223372036854775808": math.Exp2(63), "- -5": int64(5), "-(5)": int64(-5),
		"volume + 1": big + 1, "volume - lots": big + 3, "lots * lots": int64(9), "-volume": -big, "lots / 2": -1.5, "6 / 3": 2.0,
		"price * 2": 5.0, "price + lots": -0.5, "-price": -2.5, "2 + 3 * 4": int64(14), "(2 + 3) * 4": int64(20), "7 - 2 - 1": int64(4),
		"abs(lots)": int64(3), "abs(cost)": 4.25, "round(price)": 3.0, "floor(cost)": -5.0, "ceil(cost)": -4.0, "round(volume)": big,
		"sqrt(4)": 2.0, "sqrt(price * 10)": 5.0, "min(volume, 3)": int64(3), "max(volume, 3, 4)": big, "min(lots, price)": -3.0,
		"max(1, price, 2)": 2.5, "if(price > 2, 1, 2)": int64(1), "if(price > 3, 1, 2.5)": 2.5, "if(lots == -3, volume, 0)": big,
		"if(symbol == 'IBM', 'x', symbol)": event.ID(1), "volume == volume": nil, "if(volume == 1152921504606846976, 1, 0)": int64(0),
	}
	for source, want := range tests {
		v, err := CompileValue(source, trade, &names, Options{})
		if want == nil {
			if err == nil {
				t.Errorf("%s: a condition is no value", source)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		out := make(event.Row, 3)
		if err := v.Set(r, out, 1); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		var got any
		switch v.Type() {
		case event.Float:
			got = out.Float(1)
		case event.Int:
			got = out.Int(1)
		case event.Symbol:
			got = out.Symbol(1)
		case event.Time:
			got = v.Type()
		}
		if got != want {
			t.Errorf("%s = %v (%T), want %v (%T)", source, got, got, want, want)
		}
	}
}

func TestTimesStayTimesWhenTheyAreMovedOrChosen(t *testing.T) {
	tests := map[string]event.Type{
		"at": event.Time, "at + 5": event.Time, "at - volume": event.Time, "at - at": event.Int, "at * 2": event.Int, "-at": event.Int,
		"max(at, at)": event.Time, "max(at, 5)": event.Int, "if(price > 1, at, at)": event.Time, "at / 2": event.Float, "at + 0.5": event.Float,
	}
	for source, want := range tests {
		if v, err := CompileValue(source, trade, &event.Symbols{}, Options{}); err != nil || v.Type() != want {
			t.Errorf("%s has type %v, want %v (%v)", source, v.Type(), want, err)
		}
	}
}

func TestAFailedValueFailsItsRowAlone(t *testing.T) {
	for source, want := range map[string]error{"price / lots": ErrDivisionByZero, "sqrt(lots - 1)": ErrNotANumber, "if(lots == 0, 1 / lots, 2)": ErrDivisionByZero} {
		v, err := CompileValue(source, trade, &event.Symbols{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := make(event.Row, 2)
		if err := v.Set(tradeRow(0, 1, 1, 1, 1, 0), out, 0); !errors.Is(err, want) {
			t.Errorf("%s = %v, want %v", source, err, want)
		}
		if err := v.Set(tradeRow(0, 1, 1, 1, 1, 1), out, 0); err != nil {
			t.Errorf("%s: the next row failed, too: %v", source, err)
		}
	}
}

func TestSettingAValueDoesNotAllocate(t *testing.T) {
	for _, source := range []string{"price", "symbol", "round(price * 100) / 100", "if(symbol == 'A', max(volume, lots), abs(lots))"} {
		v, err := CompileValue(source, trade, &event.Symbols{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, out := tradeRow(0, 1, 2, 3, 4, 5), make(event.Row, 2)
		if n := testing.AllocsPerRun(100, func() { _ = v.Set(r, out, 0) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", source, n)
		}
	}
}

// aggregates is what a query does: it adds a column for each function that it is asked for.
type aggregates struct {
	schema *event.Schema
	asked  []string
}

func (a *aggregates) call(fn string, args []string) (int, event.Type, bool, error) {
	a.asked = append(a.asked, fn+"("+strings.Join(args, "|")+")")
	typ := event.Float
	switch fn {
	case "count":
		typ = event.Int
	case "avg", "min", "max":
	case "broken":
		return 0, 0, false, errors.New("out of order")
	default:
		return 0, 0, false, nil
	}
	a.schema.Columns = append(a.schema.Columns, event.Column{Name: fn, Type: typ})
	return len(a.schema.Columns) - 1, typ, true, nil
}

func TestUnknownFunctionsAreAskedForWithTheSourcesOfTheirArguments(t *testing.T) {
	tests := map[string]struct {
		asked []string
		err   string
	}{
		"avg(price) / count()":                   {[]string{"avg(price)", "count()"}, ""},
		"max(avg( price*volume ), 5)":            {[]string{"avg(price*volume)"}, ""},
		"min(if(price > 1, nested(1, 2), 'a)'))": {[]string{"min(if(price > 1, nested(1, 2), 'a)'))"}, ""},
		"min(min(a, b)) + round(count(*))":       {[]string{"min(min(a, b))", "count(*)"}, ""},
		"median(price, 'x,y')":                   {[]string{"median(price|'x,y')"}, `no function "median" of 2 values at 0`},
		"abs(1, 2)":                              {[]string{"abs(1|2)"}, `no function "abs" of 2 values`},
		"1 + broken(2)":                          {[]string{"broken(2)"}, "broken at 4: out of order"},
		"avg(price":                              {nil, "parenthesis at 3 is not closed"},
		"avg(price,)":                            {[]string{"avg(price|)"}, ""}, // whoever knows avg reads its arguments
	}
	for source, want := range tests {
		a := &aggregates{schema: &event.Schema{Stream: "Out"}}
		_, err := CompileValue(source, a.schema, &event.Symbols{}, Options{Call: a.call})
		if !slices.Equal(a.asked, want.asked) {
			t.Errorf("%s asked for %q, want %q", source, a.asked, want.asked)
		}
		if want.err == "" && err != nil || want.err != "" && (err == nil || !strings.Contains(err.Error(), want.err)) {
			t.Errorf("%s: %v, want %q", source, err, want.err)
		}
	}
}

func TestResultsOfAggregatesAreReadFromTheirColumns(t *testing.T) {
	a := &aggregates{schema: &event.Schema{Stream: "Out", Columns: []event.Column{{Name: "symbol", Type: event.Symbol}}}}
	v, err := CompileValue("count() * 2 + count()", a.schema, &event.Symbols{}, Options{Call: a.call})
	if err != nil {
		t.Fatal(err)
	}
	in, out := event.NewBatch(a.schema, 1).Append(), make(event.Row, 2)
	in.SetInt(1, 10)
	in.SetInt(2, 3)
	if err := v.Set(in, out, 0); err != nil || v.Type() != event.Int || out.Int(0) != 23 {
		t.Errorf("got %d of type %v, %v", out.Int(0), v.Type(), err)
	}
}

func TestMistakesInValuesAreNamed(t *testing.T) {
	tests := map[string]string{
		"price > 1":                          "want a number or text, got a condition; write if(",
		"if(price, 1, 2)":                    "does not apply to a number, a number and a number",
		"if(price > 1, 1, 'a')":              "does not apply to a condition, a number and text",
		"abs(symbol)":                        "does not apply to text",
		"max(1, 'a')":                        `"max" at 0 does not apply to a number and text`,
		"round(price > 1)":                   "does not apply to a condition",
		"avg(price)":                         `no function "avg" of 1 values at 0`,
		"max(price volume, 1)":               `unexpected "volume" at 10`,
		"max(price, )":                       `unexpected ")"`,
		"max(, price)":                       `unexpected ","`,
		"price, volume":                      `unexpected "," at 5`,
		"(1, 2)":                             "parenthesis at 0 is not closed",
		"round(prize)":                       `has no column "prize"`,
		strings.Repeat("-", MaxSource) + "1": "4097 bytes are too many, at most 4096",
	}
	for source, want := range tests {
		if _, err := CompileValue(source, trade, &event.Symbols{}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CompileValue(%.50q) = %v, want it to say %q", source, err, want)
		}
	}
	if _, err := Compile(strings.Repeat("(", MaxSource), trade, &event.Symbols{}); err == nil || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("4096 parentheses: %v", err)
	}
}

func TestItemsHaveNames(t *testing.T) {
	tests := map[string][2]string{
		"symbol":                         {"symbol", "symbol"},
		" avg(price) as avg_price ":      {"avg(price)", "avg_price"},
		"avg(price)":                     {"avg(price)", "avg_price"},
		"count()":                        {"count()", "count"},
		"count(*)":                       {"count(*)", "count"},
		"price * volume AS total":        {"price * volume", "total"},
		"if(as == 'as', 1, 2) as as":     {"if(as == 'as', 1, 2)", "as"},
		"price * volume":                 {},
		"avg(price * volume)":            {},
		"max(price, cost)":               {},
		"(price)":                        {},
		"price as":                       {},
		"as total":                       {},
		"":                               {},
		"price as 'total'":               {},
		"f(a) + g(b)":                    {},
		"price ~ 2 as x":                 {},
		strings.Repeat("a", MaxSource+1): {},
	}
	for item, want := range tests {
		source, alias, err := ParseItem(item)
		if source != want[0] || alias != want[1] || (err == nil) != (want[1] != "") {
			t.Errorf("ParseItem(%.40q) = %q, %q, %v, want %q", item, source, alias, err, want)
		}
	}
	if _, _, err := ParseItem("a + b"); err == nil || !strings.Contains(err.Error(), `write "a + b as name"`) {
		t.Errorf("the way out is missing in %v", err)
	}
}

// A plain evaluator of random expressions. Its values are int64, float64, event.ID and bool.

type tree struct {
	source string
	eval   func(r event.Row) any // an error is a value, too
}

var errPlain = errors.New("plain evaluator failed")

func number64(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

// both evaluates two trees in order; the first error wins.
func both(l, r tree, f func(a, b any) any) func(event.Row) any {
	return func(row event.Row) any {
		a, b := l.eval(row), r.eval(row)
		for _, v := range []any{a, b} {
			if err, ok := v.(error); ok {
				return err
			}
		}
		return f(a, b)
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(trees ...func() tree) tree { return trees[g.IntN(len(trees))]() }

func (g generator) number(depth int) tree {
	leaf := func() tree {
		return g.pick(
			func() tree { return tree{"price", func(r event.Row) any { return r.Float(1) }} },
			func() tree { return tree{"volume", func(r event.Row) any { return r.Int(2) }} },
			func() tree { return tree{"lots", func(r event.Row) any { return r.Int(5) }} },
			func() tree {
				v := g.Int64N(9) - 4
				return tree{strconv.FormatInt(v, 10), func(event.Row) any { return v }}
			},
			func() tree {
				v := float64(g.IntN(16)) / 4
				return tree{strconv.FormatFloat(v, 'f', 2, 64), func(event.Row) any { return v }}
			})
	}
	if depth == 0 {
		return leaf()
	}
	return g.pick(leaf,
		func() tree { return g.binary(depth) }, func() tree { return g.binary(depth) }, func() tree { return g.binary(depth) },
		func() tree {
			n := g.number(depth - 1)
			return tree{"-(" + n.source + ")", both(n, n, func(a, _ any) any {
				if i, ok := a.(int64); ok {
					return -i
				}
				return -number64(a)
			})}
		},
		func() tree {
			n := g.number(depth - 1)
			return tree{"sqrt(" + n.source + ")", both(n, n, func(a, _ any) any {
				if v := math.Sqrt(number64(a)); !math.IsNaN(v) {
					return v
				}
				return errPlain
			})}
		},
		func() tree {
			fn := []string{"abs", "round", "floor", "ceil"}[g.IntN(4)]
			n := g.number(depth - 1)
			return tree{fn + "(" + n.source + ")", both(n, n, func(a, _ any) any {
				if i, ok := a.(int64); ok {
					if fn == "abs" && i < 0 {
						return -i
					}
					return i
				}
				return map[string]func(float64) float64{"abs": math.Abs, "round": math.Round, "floor": math.Floor, "ceil": math.Ceil}[fn](number64(a))
			})}
		},
		func() tree {
			c, a, b := g.condition(depth-1), g.number(depth-1), g.number(depth-1)
			return tree{fmt.Sprintf("if(%s, %s, %s)", c.source, a.source, b.source), func(r event.Row) any {
				held := c.eval(r)
				if err, ok := held.(error); ok {
					return err
				}
				if held.(bool) {
					return a.eval(r)
				}
				return b.eval(r)
			}}
		})
}

func (g generator) binary(depth int) tree {
	op := []string{"+", "-", "*", "/", "min", "max"}[g.IntN(6)]
	l, r := g.number(depth-1), g.number(depth-1)
	source := fmt.Sprintf("(%s) %s (%s)", l.source, op, r.source)
	if len(op) > 1 {
		source = fmt.Sprintf("%s(%s, %s)", op, l.source, r.source)
	}
	return tree{source, both(l, r, func(a, b any) any {
		i, wholeA := a.(int64)
		j, wholeB := b.(int64)
		x, y := number64(a), number64(b)
		exact := wholeA && wholeB
		switch {
		case op == "/" && y == 0:
			return errPlain
		case op == "/":
			return x / y
		case op == "+" && exact:
			return i + j
		case op == "-" && exact:
			return i - j
		case op == "*" && exact:
			return i * j
		case op == "min" && exact:
			return min(i, j)
		case op == "max" && exact:
			return max(i, j)
		case op == "+":
			return x + y
		case op == "-":
			return x - y
		case op == "*":
			return x * y
		case op == "min":
			return min(x, y)
		}
		return max(x, y)
	})}
}

func (g generator) condition(depth int) tree {
	compare := func() tree {
		op := []string{"==", "!=", "<", "<=", ">", ">="}[g.IntN(6)]
		l, r := g.number(max(0, depth-1)), g.number(max(0, depth-1))
		return tree{fmt.Sprintf("(%s) %s (%s)", l.source, op, r.source), both(l, r, func(a, b any) any {
			x, y := number64(a), number64(b) // the numbers here are small enough
			return map[string]bool{"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op]
		})}
	}
	if depth == 0 {
		return compare()
	}
	return g.pick(compare,
		func() tree {
			return tree{"symbol == 'A'", func(r event.Row) any { return r.Symbol(0) == 0 }}
		},
		func() tree {
			c := g.condition(depth - 1)
			return tree{"!(" + c.source + ")", both(c, c, func(a, _ any) any { return !a.(bool) })}
		},
		func() tree {
			op := []string{"&&", "||"}[g.IntN(2)]
			l, r := g.condition(depth-1), g.condition(depth-1)
			return tree{fmt.Sprintf("(%s) %s (%s)", l.source, op, r.source), func(row event.Row) any {
				a := l.eval(row)
				if held, ok := a.(bool); !ok || held == (op == "||") {
					return a
				}
				return r.eval(row)
			}}
		})
}

// sameValue reports whether a compiled result is that of the plain evaluator, where each branch of an if keeps a type
// of its own.
func sameValue(v *Value, out event.Row, err error, want any) bool {
	if _, failed := want.(error); failed || err != nil {
		return failed && err != nil
	}
	if v.Type() == event.Int {
		i, ok := want.(int64)
		return ok && i == out.Int(0)
	}
	got := out.Float(0)
	return got == number64(want) || math.IsNaN(got) && math.IsNaN(number64(want))
}

func TestCompiledExpressionsAgreeWithAPlainEvaluator(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(7, 11))}
	var names event.Symbols
	_, _ = names.Intern("A")
	compiled, failed := 0, 0
	for range 3000 {
		n, c := g.number(1+g.IntN(4)), g.condition(g.IntN(4))
		if len(n.source) > MaxSource || len(c.source) > MaxSource {
			continue
		}
		v, err := CompileValue(n.source, trade, &names, Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(c.source, trade, &names)
		if err != nil {
			t.Fatal(err)
		}
		compiled++
		for range 10 {
			r := tradeRow(event.ID(g.IntN(2)), float64(g.IntN(17)-8)/4, g.Int64N(7)-3, 0, 0, g.Int64N(5)-2)
			out := make(event.Row, 2)
			err := v.Set(r, out, 0)
			if want := n.eval(r); !sameValue(v, out, err, want) {
				t.Fatalf("%s = %v or %v, %v, want %v (%T) for %v", n.source, out.Float(0), out.Int(0), err, want, want, r)
			}
			held, err := p.Match(r)
			want := c.eval(r)
			if _, isError := want.(error); isError {
				failed++
				if err == nil || held {
					t.Fatalf("%s = %v, want an error for %v", c.source, held, r)
				}
			} else if err != nil || held != want {
				t.Fatalf("%s = %v, %v, want %v for %v", c.source, held, err, want, r)
			}
		}
	}
	if compiled < 2500 || failed == 0 {
		t.Errorf("only %d expressions and %d failures were tried", compiled, failed)
	}
}

func FuzzValuesAndItemsNeverPanic(f *testing.F) {
	f.Add("round(price * 100) / 100")
	f.Add("max(avg(price), if(symbol == 'A', -volume, count(*))) as x")
	f.Add("sqrt(-(1))")
	f.Fuzz(func(t *testing.T, source string) {
		a := &aggregates{schema: &event.Schema{Stream: "T", Columns: slices.Clone(trade.Columns)}}
		v, err := CompileValue(source, a.schema, &event.Symbols{}, Options{Call: a.call})
		if err == nil {
			if v.Type() < event.Float || v.Type() > event.Time {
				t.Errorf("%q has type %d", source, v.Type())
			}
			_ = v.Set(event.NewBatch(a.schema, 1).Append(), make(event.Row, 2), 0)
		}
		if part, alias, err := ParseItem(source); err == nil && (alias == "" || part == "") {
			t.Errorf("ParseItem(%q) = %q, %q", source, part, alias)
		}
	})
}
