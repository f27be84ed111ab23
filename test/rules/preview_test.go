// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"flag"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

var pictures = flag.String("pictures", "", "folder for the pictures of the dashboards")

// BenchmarkPreview draws the dashboards with what there is after two minutes.
func BenchmarkPreview(b *testing.B) {
	p, other := live(b)
	began := time.Now()
	for now := range time.Tick(time.Second) {
		require.NoError(b, other.send(b))
		if now.Sub(began) > 2*time.Minute {
			break
		}
	}
	script := filepath.Join(run.Root(b), "internal", "tools", "preview", "preview.mjs")
	out, err := exec.Command("node", script, filepath.Join(run.Root(b), "dashboards"), p.URL, *pictures).CombinedOutput()
	require.NoError(b, err, string(out))
	b.Log(string(out))
}
