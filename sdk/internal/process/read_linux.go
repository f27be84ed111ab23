// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"strconv"
)

// Read reads the process. It costs three files of /proc and one system call per open descriptor's directory
// entry block: some ten microseconds, more with thousands of descriptors.
func Read() Usage {
	u := unknown()
	u.readCPU()
	u.readLimit()
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		u.Virtual, u.Resident = parseStatm(text, int64(os.Getpagesize()))
	}
	if text, err := os.ReadFile("/proc/self/stat"); err == nil {
		u.Threads = parseThreads(text)
	}
	u.Descriptors = countDescriptors()
	return u
}

// parseStatm reads "size resident ..." in pages.
func parseStatm(text []byte, page int64) (virtual, resident int64) {
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return -1, -1
	}
	return pages(fields[0], page), pages(fields[1], page)
}

func pages(field []byte, page int64) int64 {
	n, err := strconv.ParseInt(string(field), 10, 64)
	if err != nil {
		return -1
	}
	return n * page
}

// parseThreads reads num_threads, field 20. The name in field 2 may hold spaces and parentheses of its own.
func parseThreads(text []byte) int64 {
	_, rest, found := bytes.Cut(text[max(bytes.LastIndexByte(text, ')'), 0):], []byte(") "))
	fields := bytes.Fields(rest)
	if !found || len(fields) < 18 {
		return -1
	}
	n, err := strconv.ParseInt(string(fields[17]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func countDescriptors() int64 {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return -1
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return -1
	}
	return int64(len(names)) - 1 // without dir itself
}
