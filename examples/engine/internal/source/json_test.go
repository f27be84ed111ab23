// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/event"
	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/sink"
)

var quote = &event.Schema{Stream: "Q", Columns: []event.Column{
	{Name: "s", Type: event.Symbol}, {Name: "p", Type: event.Float}, {Name: "n", Type: event.Int}, {Name: "t", Type: event.Time},
}}

const fields = `"s":"A","p":1.5,"n":3,"t":0`

func TestJSONTakesWhatFits(t *testing.T) {
	second := int64(time.Second)
	for text, want := range map[string][]int64{ // event times; now is 7
		`{` + fields + `}`: {7},
		`[]`:               {},
		" [ {" + fields + "} , {" + fields + "} ] \n":            {7, 7},
		`{` + fields + "}\n\r\n{" + fields + `}`:                 {7, 7},
		`{"more":[{}],` + fields + `}`:                           {7},
		`{"timestamp":"1970-01-01T00:00:02Z",` + fields + `}`:    {2 * second},
		`{"time":"1970-01-01T01:00:02+01:00",` + fields + `}`:    {2 * second},
		`{"time":"never","timestamp":1700000000,` + fields + `}`: {1700000000 * second},
		`{"timestamp":1700000000123,` + fields + `}`:             {1700000000123e6},
		`{"timestamp":1700000000123456,` + fields + `}`:          {1700000000123456e3},
		`{"timestamp":1700000000123456789,` + fields + `}`:       {1700000000123456789},
		`{"timestamp":"1700000000123456789",` + fields + `}`:     {1700000000123456789},
		`{"timestamp":-3,` + fields + `}`:                        {-3 * second},
	} {
		names := &event.Symbols{}
		b := event.NewBatch(quote, 0)
		if err := (JSON{quote, names}).Append(b, []byte(text), 7); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := []int64{}
		for i := range b.Len() {
			r := b.Row(i)
			got = append(got, r.Time())
			if names.Name(r.Symbol(0)) != "A" || r.Float(1) != 1.5 || r.Int(2) != 3 || r.Int(3) != 0 {
				t.Errorf("%s: row is %v", text, r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: times %v, want %v", text, got, want)
		}
	}
}

func TestJSONRefusesTheRestAndNamesTheField(t *testing.T) {
	good := `{` + fields + `}`
	for text, want := range map[string]string{
		``:                      "record 1: EOF",
		` `:                     "record 1: EOF",
		`null`:                  "record 1: want an object",
		`3`:                     "want an object",
		`[[` + good + `]]`:      "record 1: want an object",
		`{`:                     "record 1: unexpected EOF",
		`[`:                     "unexpected EOF",
		`[` + good:              "record 2: unexpected EOF",
		`[` + good + `,`:        "record 2:",
		`[` + good + `,]`:       "record 2:",
		`[` + good + good + `]`: "record 2:",
		good + `,` + good:       "record 2:",
		good + `]`:              "record 2: what follows",
		`[` + good + `]` + good: "record 2: what follows",
		good + "\n{\"s\":1}":    `record 2: field "s"`,
		"{\"s\":\"\xff\",\"p\":1,\"n\":1,\"t\":1}": "no JSON",
		`{}`:                          `record 1: field "s"`,
		`{"s":"A"}`:                   `field "p": want a value of type number`,
		`{"s":"A","p":null}`:          `field "p"`,
		`{"s":"A","p":"1"}`:           `field "p"`,
		`{"s":"A","p":true}`:          `field "p"`,
		`{"s":"A","p":1e999}`:         `field "p"`,
		`{"s":{"a":[]},"p":1}`:        `field "s": want a value of type text`,
		`{"s":1}`:                     `field "s"`,
		`{"S":"A","p":1,"n":1,"t":1}`: `field "s"`,
		`{"s":"` + strings.Repeat("x", 1025) + `"}`:        `field "s": value has 1025 bytes`,
		`{"s":"A","p":1,"n":1.5}`:                          `field "n"`,
		`{"s":"A","p":1,"n":1e18}`:                         `field "n"`,
		`{"s":"A","p":1,"n":9223372036854775808}`:          `field "n"`,
		`{"s":"A","p":1,"n":1,"t":"soon"}`:                 `field "t"`,
		`{"s":"A","p":1,"n":1,"t":1.5}`:                    `field "t"`,
		`{"s":"A","p":1,"n":1,"t":"3000-01-01T00:00:00Z"}`: `field "t": year 3000`,
		`{"timestamp":null,` + fields + `}`:                "event time",
		`{"timestamp":{},` + fields + `}`:                  "event time",
	} {
		b := event.NewBatch(quote, 0)
		b.Append().SetTime(42)
		err := (JSON{quote, &event.Symbols{}}).Append(b, []byte(text), 7)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%s: err = %v, want %q", text, err, want)
		}
		if b.Len() != 1 || b.Row(0).Time() != 42 {
			t.Errorf("%s: the batch has %d rows, want the one from before", text, b.Len())
		}
	}
	full := JSON{quote, &event.Symbols{Max: 1}}
	if err := full.Append(event.NewBatch(quote, 0), []byte(`[{`+fields+`},{"s":"B","p":1,"n":1,"t":1}]`), 7); err == nil || !strings.Contains(err.Error(), `record 2: field "s"`) {
		t.Errorf("err = %v, want it to say that the table of texts is full", err)
	}
}

// FuzzJSON holds that no input panics or leaves rows behind when it is refused, and that what is accepted comes back
// the same through the encoding of the sinks.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{` + fields + `}`, `[{` + fields + `}]`, `{"timestamp":-1,` + fields + `} {`, "[", `{"s":"\ud800","p":-0,"n":1e3,"t":"1970-01-01T00:00:00.5Z"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		j, b := JSON{quote, &event.Symbols{}}, event.NewBatch(quote, 0)
		if err := j.Append(b, data, 7); err != nil {
			if b.Len() != 0 {
				t.Fatalf("%d rows of a refused text", b.Len())
			}
			return
		}
		var text []byte
		for i := range b.Len() {
			r := b.Row(i)
			if math.IsInf(r.Float(1), 0) || math.IsNaN(r.Float(1)) {
				t.Fatalf("%s became %v", data, r.Float(1))
			}
			text = append(sink.AppendRow(text, quote, r, j.Names), '\n')
		}
		again := event.NewBatch(quote, 0)
		if err := j.Append(again, text, 8); b.Len() > 0 && err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i := range b.Len() {
			if !slices.Equal(b.Row(i), again.Row(i)) {
				t.Fatalf("%s became %v, and then %v", data, b.Row(i), again.Row(i))
			}
		}
	})
}
