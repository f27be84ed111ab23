// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package telemetry

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/eventflux-io/eventflux-otel/sdk/logs"
)

// watchHangup reopens file at every SIGHUP, as log rotation asks for it, until the returned function is called,
// which waits for the goroutine to end.
func watchHangup(file *logs.File, sink *errorSink) func() {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-hangups:
				sink.report(file.Reopen())
			case <-stop:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		signal.Stop(hangups)
		close(stop)
		wg.Wait()
	})
}
