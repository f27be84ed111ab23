// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestGrowthOverATenthIsAnError(t *testing.T) {
	allowed := gain{Modules: 10, Megabytes: 2}
	for _, test := range []struct {
		now  gain
		want string
	}{
		{gain{Modules: 10, Megabytes: 2}, ""},
		{gain{Modules: 11, Megabytes: 2.19}, ""},
		{gain{Modules: 1, Megabytes: 0.5}, ""},
		{gain{Modules: 12, Megabytes: 2, names: []string{"example.com/new"}}, "12 modules, allowed are 10 and a tenth more: example.com/new"},
		{gain{Modules: 10, Megabytes: 2.3}, "2.30 MB, allowed are 2.00 MB"},
	} {
		err := test.now.compare(allowed)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("compare(%+v) = %v, want %q", test.now, err, test.want)
		}
	}
}
