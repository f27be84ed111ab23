// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const minimal = `
name = "shop"

[vars]
window = "1s"
rate = "100"

[[streams]]
name = "Orders"
columns = ["item string", "price double"]

[[sources]]
type = "generator"
stream = "Orders"
rate = "${rate}"

[[queries]]
id = "totals"
from = "Orders"
window = { type = "tumbling", size = "${window}" }
select = ["sum(price) as total"]
into = "Totals"
`

func TestAFileSaysWhatItSays(t *testing.T) {
	a, err := Parse([]byte(minimal), map[string]string{"window": "24h"})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Queries[0].Window.Size; got != "24h" {
		t.Errorf("the window is %q", got)
	}
	if a.Sources[0].Rate != 100 || a.Sources[0].Batch != 64 || a.Streams[0].Backpressure != "block" {
		t.Errorf("source %+v, stream %+v", a.Sources[0], a.Streams[0])
	}
	if time.Duration(a.State.Interval) != 10*time.Second {
		t.Errorf("checkpoints every %v", a.State.Interval)
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"syntax", `name = "shop"`, `name = shop`, "line 2"},
		{"unknown key", `from = "Orders"`, `form = "Orders"`, `unknown key "queries.form"`},
		{"its line", `from = "Orders"`, `form = "Orders"`, "line 19"},
		{"bad value", `rate = "${rate}"`, `rate = "fast"`, "line 15"},
		{"unknown variable", `${window}`, `${windw}`, "${windw} is not a variable of [vars]; it has rate, window"},
		{"no name", `name = "shop"`, ``, "name must not be empty"},
		{"no id", `id = "totals"`, ``, `a query that reads "Orders" has no id`},
		{"window", `type = "tumbling"`, `type = "tumblin"`, `window of query totals is "tumblin", want one of length,`},
		{"source", `type = "generator"`, `type = "kafka"`, `type of the source of stream Orders is "kafka", want one of generator, csv, http, tcp`},
		{"csv", `type = "generator"`, `type = "csv"`, "the csv source of stream Orders needs a path"},
		{"rate", `"${rate}"`, `-1`, "rate of source Orders must not be negative"},
		{"node", `id = "totals"`, "id = \"totals\"\nnode = \"x\"", `node of query totals is "x"`},
		{"policy", `name = "Orders"`, "name = \"Orders\"\nbackpressure = \"panic\"", `backpressure of stream Orders is "panic"`},
		{"partition", `window = { type = "tumbling", size = "${window}" }`, `partition_by = "item"`, "partition_by but no window"},
		{"join", `select =`, "join = { table = \"t\", stream = \"S\", on = \"item\" }\nselect =", "needs either table or stream"},
		{"outer join", `select =`, "join = { stream = \"S\", on = \"item\", within = \"1s\", type = \"left_outer\" }\nselect =", "can be inner only"},
		{"pattern", `select =`, "pattern = { first = \"price > 1\" }\nselect =", "needs first, then and within"},
		{"twice", `[[sources]]`, "[[streams]]\nname = \"Orders\"\n[[sources]]", `there are two streams "Orders"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(minimal, tt.old, tt.new, 1)
			if text == minimal {
				t.Fatal("nothing was replaced")
			}
			_, err := Parse([]byte(text), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Parse([]byte(minimal), map[string]string{"windw": "1s"}); err == nil || !strings.Contains(err.Error(), "it has rate, window") {
		t.Errorf("unknown variable: %v", err)
	}
}

func TestAVariableCannotEscapeFromItsText(t *testing.T) {
	a, err := Parse([]byte(minimal), map[string]string{"window": "1s\" }\nfilter = \"x\\"})
	if err != nil {
		t.Fatal(err)
	}
	if a.Queries[0].Filter != "" || !strings.Contains(a.Queries[0].Window.Size, "filter") {
		t.Errorf("query %+v", a.Queries[0])
	}
}

func TestAFileIsNamedInItsErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.toml")
	if err := os.WriteFile(path, []byte("nam = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := Load(path+"x", nil); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutANodeEverythingIsInOnePlace(t *testing.T) {
	text := strings.Replace(minimal, `name = "shop"`, "name = \"shop\"\nnodes = [\"a\", \"b\"]", 1)
	a, err := Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Queries[0].Node != "a" {
		t.Errorf("the query is on node %q, want the first", a.Queries[0].Node)
	}
	if err := a.OnNode("c"); err == nil || !strings.Contains(err.Error(), "only a, b") {
		t.Errorf("got %v", err)
	}
	if err := a.OnNode(""); err != nil || a.Queries[0].Node != "" || a.Sources[0].Node != "" || a.Validate() != nil {
		t.Errorf("err %v, query on %q, valid: %v", err, a.Queries[0].Node, a.Validate())
	}
}
