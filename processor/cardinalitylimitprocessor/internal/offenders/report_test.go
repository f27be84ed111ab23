// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package offenders

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the reports of the golden tests anew")

func explode(redaction Redaction) *Board {
	b := New(Options{Redaction: redaction}, start)
	for i := range 60 {
		p := pointOf("pod-"+strconv.Itoa(i%4), "user.id", "u-"+strconv.Itoa(1000+i), "route", "/cart",
			"status", strconv.Itoa(200+i%2), "zone", "b\xff")
		b.refuse(requests, p, start)
		b.refuse(requests, p, start)
		b.refuse(requests, pointOf("pod-0", "user.id", "robot", "route", "/"+strconv.Itoa(i)), start)
	}
	for i := range 40 {
		b.admit(requests, pointOf("pod-0", "user.id", "late-"+strconv.Itoa(i), "route", "/cart"), start)
	}
	for i := range 30 {
		b.refuse(caseOf("bank", "transfers"), pointOf("pod-0", "iban", strconv.Itoa(i)), start)
	}
	b.admit(caseOf("bank", "logins"), pointOf("pod-0"), start)
	b.Blame(requests, 100, nil)
	return b
}

// The report as JSON is a contract.
func TestReportGolden(t *testing.T) {
	usage := func(c Case) (used, limit int) {
		return map[string]int{"http.requests": 100, "transfers": 100, "logins": 60}[c.MetricName], 100
	}
	for name, redaction := range map[string]Redaction{"plain": Plain, "masked": Masked, "hashed": Hashed} {
		t.Run(name, func(t *testing.T) {
			report := explode(redaction).Report(start.Add(time.Second), 2, []int{50, 100, 150, 200}, usage)
			got, err := json.MarshalIndent(report, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", "report_"+name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s:\n%s", path, got)
			}
		})
	}
}

func TestAnEmptyReportHasListsAndNoNulls(t *testing.T) {
	got, err := json.Marshal(New(Options{}, start).Report(start, 5, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "null") {
		t.Errorf("%s", got)
	}
}

func TestReportIsTheSameTwice(t *testing.T) {
	b := explode(Plain)
	one, _ := json.Marshal(b.Report(start, 10, []int{10}, nil))
	two, _ := json.Marshal(b.Report(start, 10, []int{10}, nil))
	if string(one) != string(two) {
		t.Errorf("%s\n%s", one, two)
	}
}

func TestReportShowsNoMoreThanAsked(t *testing.T) {
	b := explode(Plain)
	for n, want := range map[int]int{-1: 0, 0: 0, 1: 1, 3: 3, 100: 3} {
		if got := len(b.Report(start, n, nil, nil).Metrics); got != want {
			t.Errorf("%d metrics of %d asked for, want %d", got, n, want)
		}
	}
}
