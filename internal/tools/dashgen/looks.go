// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// look is how one panel differs from others of its kind, in the words of Grafana's model.
type look struct {
	field     object // defaults of the field
	custom    object // defaults of the field that only its kind knows
	options   object
	overrides []object
}

// looks are by the title of the panel.
var looks = map[string]look{
	"Engines": {field: object{
		"thresholds": colours("red", 1.0, "green"),
		"mappings":   []object{{"type": "value", "options": object{"0": object{"text": "silent"}, "1": object{"text": "alive"}}}},
	}},
	"Status": {field: object{"mappings": statuses.mappings()}},
	"Checks": {field: object{"mappings": results.mappings()}},
	// Percentiles are orders of magnitude apart, and from the limit.
	"Query latency": {custom: object{"axisSoftMin": nil, "scaleDistribution": object{"type": "log", "log": 10}}},
	"Query execution timeline": {
		field:   object{"thresholds": colours("green", 0.5, "yellow", 0.9, "orange")},
		options: object{"mergeValues": true, "showValue": "never"},
	},
	"Offenders":            {field: object{"thresholds": colours("orange")}},
	"Engines known":        {overrides: []object{named("/silent/", "thresholds", colours("text", 1, "red"))}},
	"Nodes":                {overrides: []object{named("/offline|unknown/", "thresholds", colours("text", 1, "red"))}},
	"Delivery budget left": {field: object{"thresholds": colours("red", 0, "green")}},
	"Latency budget left":  {field: object{"thresholds": colours("red", 0, "green")}},
}

// words are all values of a label of a metric that is 1 for one of them and 0 for the others.
type words []struct{ text, colour string }

var (
	statuses = words{{"healthy", "green"}, {"degraded", "orange"}, {"unhealthy", "red"}, {"starting", "blue"}, {"shutting_down", "blue"}}
	results  = words{{"ok", "green"}, {"degraded", "orange"}, {"fail", "red"}, {"unknown", "text"}}
)

// number returns an expression for which word it is now, and mappings what each number says. Names alone would do without
// both, but a stat that shows names alone shows nothing when it has no data.
func (w words) number(metric, label, by string) string {
	var each []string
	for i, word := range w {
		each = append(each, fmt.Sprintf(`%d * %s{job=~"$job",instance=~"$instance",%s=%q}`, i, metric, label, word.text))
	}
	return fmt.Sprintf("max by (%s) (%s)", by, strings.Join(each, " or "))
}

func (w words) mappings() []object {
	texts := object{}
	for i, word := range w {
		texts[strconv.Itoa(i)] = object{"text": word.text, "color": word.colour}
	}
	return []object{{"type": "value", "options": texts}}
}

// named changes a property of the series with such a name.
func named(pattern, property string, value object) object {
	return object{
		"matcher":    object{"id": "byRegexp", "options": pattern},
		"properties": []object{{"id": property, "value": value}},
	}
}

// colours are thresholds: the first colour, and then each limit with the colour above it.
func colours(first string, above ...any) object {
	steps := []object{{"color": first, "value": nil}}
	for i := 0; i < len(above); i += 2 {
		steps = append(steps, object{"color": above[i+1], "value": above[i]})
	}
	return object{"mode": "absolute", "steps": steps}
}

// many finds legends of more series than there is room for below a panel.
var many = regexp.MustCompile(`query_id|stream_name|component|message_type`)

// now says whether a panel shows one moment. A query over time would keep what was true before.
func (p panel) now() bool { return p.kind == "stat" || p.kind == "bargauge" }

// dress fills in how the panel looks; l is the limit that it shows, if it shows one.
func (p panel) dress(defaults object, l *limit) (options object, overrides []object) {
	options, custom := object{}, object{}
	switch {
	case l != nil:
		defaults["thresholds"] = object{"mode": "absolute", "steps": l.steps()}
	case p.kind != "timeseries":
		defaults["thresholds"] = colours("text") // Grafana's own are red above 80, whatever that is
	}
	switch p.kind {
	case "timeseries":
		if p.unit != "none" {
			custom["axisSoftMin"] = 0
		}
		switch {
		case l != nil:
			top := 1.2 * l.value // the dashed line is on the picture
			if p.unit == "percentunit" && l.value < 1 {
				top = min(top, 1)
			}
			custom["axisSoftMax"], custom["thresholdsStyle"] = top, object{"mode": "dashed"}
		case p.unit == "percentunit":
			custom["axisSoftMax"] = 1 // a flat line at 0 would have an axis to 10000 %
		}
		legend := object{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []string{}}
		if p.width >= columns/2 && many.MatchString(p.queries[0].legend) {
			legend = object{
				"showLegend": true, "displayMode": "table", "placement": "right", "calcs": []string{"lastNotNull", "max"}, "sortBy": "Max", "sortDesc": true,
			}
		}
		options["legend"] = legend
		options["tooltip"] = object{"mode": "multi", "sort": "desc"}
	case "stat", "bargauge":
		options["reduceOptions"] = object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
		// What has no value is neither good nor bad.
		defaults["mappings"] = []object{{"type": "special", "options": object{"match": "null+nan", "result": object{"text": p.empty, "color": "text"}}}}
		if p.kind == "stat" {
			options["graphMode"] = "none"
			options["textMode"] = "value_and_name" // the name may be all that there is to see, as a version is
		} else {
			options["displayMode"], options["orientation"], options["namePlacement"] = "basic", "horizontal", "top"
			options["text"] = object{"titleSize": 12, "valueSize": 12}
		}
	}
	look := looks[p.title]
	for key, value := range look.field {
		if key == "mappings" {
			value = append(value.([]object), defaults[key].([]object)...)
		}
		defaults[key] = value
	}
	maps.Copy(custom, look.custom)
	maps.DeleteFunc(custom, func(_ string, v any) bool { return v == nil })
	maps.Copy(options, look.options)
	if len(custom) > 0 {
		defaults["custom"] = custom
	}
	return options, append([]object{}, look.overrides...)
}
