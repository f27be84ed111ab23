// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/eventflux-io/eventflux-otel/examples/engine/apps"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/app"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/table"
)

// planned plans the part of an application on a node.
func planned(t *testing.T, text, node string) (*Plan, error) {
	t.Helper()
	a, err := app.Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.OnNode(node); err != nil {
		t.Fatal(err)
	}
	names := &event.Symbols{}
	parts := Parts{Names: names, Tables: map[string]*table.Table{}}
	for _, decl := range a.Tables {
		columns, err := Columns(decl.Columns)
		if err != nil {
			t.Fatal(err)
		}
		if parts.Tables[decl.Name], err = table.Open(table.Config{
			Schema: &event.Schema{Stream: decl.Name, Columns: columns}, Key: decl.Key, Names: names,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return New(a, node, parts)
}

func ids(p *Plan) (out []string) {
	for _, q := range p.Queries {
		out = append(out, q.ID)
	}
	return out
}

func TestTheDemoIsSharedByItsNodes(t *testing.T) {
	a, err := planned(t, string(apps.Demo), "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := planned(t, string(apps.Demo), "b")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := planned(t, string(apps.Demo), "")
	if err != nil {
		t.Fatal(err)
	}
	if both := append(ids(a), ids(b)...); len(both) != len(whole.Queries) || slices.Contains(ids(a), "symbol_join") {
		t.Errorf("a has %v, b has %v, alone they are %v", ids(a), ids(b), ids(whole))
	}
	for name, want := range map[string][3]string{ // producers on a, where it goes, where b has it from
		"StockStream":     {"1", "", "-"},
		"AggregateStream": {"1", "b", "a"},
		"EnrichedStream":  {"-", "", ""},
	} {
		onA, onB := a.Streams[name], b.Streams[name]
		if (onA == nil) != (want[0] == "-") || (onB == nil) != (want[2] == "-") {
			t.Errorf("%s: on a %v, on b %v", name, onA, onB)
			continue
		}
		if onA != nil && strings.Join(onA.To, ",") != want[1] {
			t.Errorf("%s goes to %v, want %s", name, onA.To, want[1])
		}
		if onB != nil && onB.From != want[2] {
			t.Errorf("%s comes from %q, want %q", name, onB.From, want[2])
		}
	}
	if s := whole.Streams["AggregateStream"]; s.From != "" || len(s.To) > 0 {
		t.Errorf("alone there are no links: %+v", s)
	}
}

// shop is an application with one query, whose lines are to be replaced.
const shop = `
name = "shop"

[[streams]]
name = "Orders"
columns = ["item string", "price double", "amount long"]

[[streams]]
name = "Returns"
columns = ["item string", "reason string"]

[[sources]]
type = "generator"
stream = "Orders"
values = ["bolt"]

[[sources]]
type = "generator"
stream = "Returns"
values = ["bolt"]

[[tables]]
name = "items"
key = "item"
columns = ["item string", "maker string"]

[[queries]]
id = "q"
from = "Orders"
QUERY
into = "Out"
`

func TestAQueryGivesWhatItSays(t *testing.T) {
	for _, tt := range []struct{ name, query, out, kinds string }{
		{"nothing", ``, "item string, price double, amount long", "selector"},
		{"filter", `filter = "price > 1"`, "item string, price double, amount long", "filter"},
		{"select", `select = ["item", "price * amount as total", "amount + 1 as more"]`, "item string, total double, more long", "selector"},
		{"window", `window = { type = "tumbling", size = "1s" }
			group_by = ["item"]
			select = ["item", "window_start", "sum(amount) as amount", "max(price) - min(price) as spread"]
			having = "spread > 1"`, "item string, window_start time, amount long, spread double", "window selector filter"},
		{"rows", `window = { type = "length", size = "3" }
			select = ["item", "price / avg(price) as share"]`, "item string, share double", "window selector"},
		{"all of a window", `window = { type = "session", size = "5s" }
			group_by = ["item"]`, "item string, window_start time, window_end time", "window"},
		{"partition", `partition_by = "item"
			window = { type = "lengthBatch", size = "10" }
			select = ["last(item) as item", "distinctCount(price) as prices"]`, "item string, prices long", "partition selector"},
		{"table", `join = { table = "items", on = "item" }`, "item string, price double, amount long, maker string", "join"},
		{"stream", `join = { stream = "Returns", on = "item", within = "1m" }
			where = "reason != 'none'"`, "item string, price double, amount long, item_right string, reason string", "join filter"},
		{
			"pattern", `pattern = { first = "price > 1", stream = "Returns", then = "reason == 'bad'", by = "item", within = "1m" }`,
			"item string, price double, amount long, item_then string, reason string", "pattern",
		},
		{"twice itself", `pattern = { first = "price > 1", then = "price < 1", by = "item", within = "1m" }
			select = ["item", "price_then - price as change"]`, "item string, change double", "pattern selector"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := planned(t, strings.Replace(shop, "QUERY", tt.query, 1), "")
			if err != nil {
				t.Fatal(err)
			}
			q := p.Queries[0]
			var kinds []string
			for _, op := range q.Operators {
				kinds = append(kinds, op.Kind())
			}
			if got := describe(q.Out); got != tt.out || q.Out.Stream != "Out" {
				t.Errorf("stream %s has %s, want %s", q.Out.Stream, got, tt.out)
			}
			if got := strings.Join(kinds, " "); got != tt.kinds {
				t.Errorf("operators %s, want %s", got, tt.kinds)
			}
		})
	}
}

func TestWhatCannotBePlannedSaysWhy(t *testing.T) {
	for _, tt := range []struct{ name, query, want string }{
		{"filter", `filter = "cost > 1"`, "cost"},
		{"select", `select = ["cost"]`, "cost"},
		{"aggregate without a window", `select = ["sum(price) as s"]`, "sum() needs a window"},
		{"group without a window", `group_by = ["item"]`, "group_by needs a window"},
		{"group", `group_by = ["cost"]
			window = { type = "tumbling", size = "1s" }`, `there is no column "cost"; it has item string, price double, amount long`},
		{"aggregate of text", `window = { type = "tumbling", size = "1s" }
			select = ["sum(item) as s"]`, "sum"},
		{"arguments", `window = { type = "tumbling", size = "1s" }
			select = ["sum(price, amount) as s"]`, "sum takes one column, got 2"},
		{"size", `window = { type = "tumbling", size = "soon" }`, `window size "soon"`},
		{"size of a length", `window = { type = "length", size = "1s" }`, "the size of a window of type length cannot be 1s"},
		{"size of a time", `window = { type = "tumbling", size = "5" }`, "the size of a window of type tumbling cannot be 5"},
		{"no table", `join = { table = "makers", on = "item" }`, `there is no table "makers"`},
		{"not its key", `join = { table = "items", on = "item == maker" }`, `"maker" is neither its key, item, nor one of its indexes`},
		{"two inputs", `filter = "price > 1"
			join = { stream = "Returns", on = "item", within = "1m" }`, "filter them in queries of their own"},
		{"nowhere", `join = { stream = "Refunds", on = "item", within = "1m" }`, "reads a stream that nothing writes"},
		{"other columns", `select = ["item"]
			into_table = "items"`, "items"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := planned(t, strings.Replace(shop, "QUERY", tt.query, 1), "")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "query q") {
				t.Errorf("got %v, want query q and %s", err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"a loop", `from = "Orders"`, `from = "Out"`, "depends on the query itself: Out"},
		{"a stream without columns", `columns = ["item string", "reason string"]`, ``, "stream Returns has a source but no columns"},
		{"a type", `reason string`, `reason text`, `column "reason text"`},
		{
			"declared otherwise", `name = "shop"`, "name = \"shop\"\n[[streams]]\nname = \"Out\"\ncolumns = [\"item string\"]",
			"it gives item string, price double, amount long, but stream Out has item string",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(strings.Replace(shop, "QUERY", "", 1), tt.old, tt.new, 1)
			if _, err := planned(t, text, ""); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
