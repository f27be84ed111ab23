// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// status reads one number of /proc/self/status, which says the same as the files that Read uses in other words.
func status(t *testing.T, field string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	match := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+)`).FindSubmatch(text)
	require.NotNil(t, match, field)
	n, err := strconv.ParseInt(string(match[1]), 10, 64)
	require.NoError(t, err)
	return n
}

func TestUsageAgreesWithTheKernel(t *testing.T) {
	before := Read()
	held, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	for began := time.Now(); time.Since(began) < 20*time.Millisecond; {
		// use some CPU
	}
	u := Read()
	assert.Equal(t, before.Descriptors+1, u.Descriptors)
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	assert.EqualValues(t, len(entries)-1, u.Descriptors)
	assert.InDelta(t, status(t, "Threads"), u.Threads, 2)
	assert.InEpsilon(t, status(t, "VmSize")<<10, u.Virtual, 0.2)
	assert.InEpsilon(t, status(t, "VmRSS")<<10, u.Resident, 0.2)
	limits, err := os.ReadFile("/proc/self/limits")
	require.NoError(t, err)
	assert.Regexp(t, `Max open files\s+`+strconv.FormatInt(u.DescriptorLimit, 10)+`\s`, string(limits))
	was, _ := before.CPU()
	is, known := u.CPU()
	assert.True(t, known)
	assert.Greater(t, is-was, 5*time.Millisecond)
	assert.Less(t, is-was, 5*time.Second)
}

func TestFilesOfTheKernelThatMakeNoSense(t *testing.T) {
	assert.EqualValues(t, 7, parseThreads([]byte("12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 7 0 99")))
	for _, text := range []string{"", "12 (x)", "12 (x) S 1 2", "12 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 many 0"} {
		assert.EqualValues(t, -1, parseThreads([]byte(text)), text)
	}
	virtual, resident := parseStatm([]byte("3 2 1"), 4096)
	assert.EqualValues(t, 3*4096, virtual)
	assert.EqualValues(t, 2*4096, resident)
	for _, text := range []string{"", "1", "x y"} {
		virtual, resident = parseStatm([]byte(text), 4096)
		assert.EqualValues(t, -1, virtual, text)
		assert.EqualValues(t, -1, resident, text)
	}
}
