// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package ident

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIdentifiersReadLikeGo(t *testing.T) {
	for name, want := range map[string]string{
		"query.id":                        "QueryID",
		"eventflux.drop.reason":           "DropReason",
		"eventflux.wal.io":                "WALIO",
		"eventflux.pattern.expiry_reason": "PatternExpiryReason",
		"process.cpu.time":                "ProcessCPUTime",
	} {
		assert.Equal(t, want, Exported(name))
	}
}

func TestTheNameOfTheHandleIsLeftOut(t *testing.T) {
	assert.Equal(t, "IO", Under("sink", "eventflux.sink.io"))
	assert.Equal(t, "PipelineQueueDepth", Under("stream", "eventflux.pipeline.queue.depth"))
	assert.Equal(t, "Sink", Under("sink", "eventflux.sink"), "something must remain")
	assert.Equal(t, "AppStarts", Under("eventflux", "eventflux.app.starts"))
}

func TestParametersBeginInLowerCase(t *testing.T) {
	assert.Equal(t, "dlqStream", Parameter("eventflux.dlq.stream"))
	assert.Equal(t, "result", Parameter("result"))
	assert.Equal(t, "operatorID", Parameter("eventflux.operator.id"))
}
