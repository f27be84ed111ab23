// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package telemetry_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// orphanOutput makes the test binary an engine that logs to the named output.
const orphanOutput = "EVENTFLUX_TEST_ORPHAN_OUTPUT"

func TestAnEngineOutlivesWhoeverReadsItsLog(t *testing.T) {
	if output := os.Getenv(orphanOutput); output != "" {
		orphan(output)
	}
	for _, output := range []string{"stdout", "stderr"} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		engine := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		engine.Env = append(os.Environ(), orphanOutput+"="+output)
		if output == "stdout" {
			engine.Stdout = w
		} else {
			engine.Stderr = w
		}
		alive, err := engine.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, engine.Start())
		require.NoError(t, w.Close())
		require.NoError(t, r.Close()) // whoever read the log is gone
		require.NoError(t, alive.Close())
		require.ErrorContains(t, engine.Wait(), "exit status 42", output)
	}
}

// orphan logs when nobody reads any more, and exits with 42 if that went well.
func orphan(output string) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	failures := 0
	sdk, err := telemetry.Start(context.Background(), telemetry.Config{Level: telemetry.Off, Logging: telemetry.Logging{Output: output}},
		telemetry.WithErrorHandler(func(error) { failures++ }))
	if err != nil {
		os.Exit(1)
	}
	for range 100 {
		sdk.Logger().Error("is anybody there?")
	}
	if sdk.Shutdown(context.Background()) != nil || failures == 0 {
		os.Exit(2)
	}
	os.Exit(42)
}
