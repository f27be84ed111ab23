// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"regexp"
	"strconv"
)

var series = regexp.MustCompile(`^(.*)\[(\d+)-(\d+)\]$`)

// maxSeries leaves room for other texts in the table of interned ones.
const maxSeries = 20_000

// expand replaces "S[25-30]" by S00025 to S00030, and leaves empty values out.
func expand(values []string) ([]string, error) {
	var out []string
	for _, v := range values {
		m := series.FindStringSubmatch(v)
		if m == nil {
			if v != "" {
				out = append(out, v)
			}
			continue
		}
		from, _ := strconv.Atoi(m[2]) // digits only
		to, err := strconv.Atoi(m[3])
		if err != nil || to-from >= maxSeries {
			return nil, fmt.Errorf("%s stands for more than %d values", v, maxSeries)
		}
		for i := from; i <= to; i++ {
			out = append(out, fmt.Sprintf("%s%05d", m[1], i))
		}
	}
	return out, nil
}

// expandRows does so with the first value of each row.
func expandRows(rows [][]string) ([][]string, error) {
	var out [][]string
	for _, row := range rows {
		keys, err := expand(row[:1])
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			out = append(out, append([]string{key}, row[1:]...))
		}
	}
	return out, nil
}
