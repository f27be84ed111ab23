// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/drain"
	"github.com/eventflux-io/eventflux-otel/internal/intake"
)

// handBackAfter is how long the collector may take from a signal to stopping
// the pipelines before we conclude that it did not get the signal.
const handBackAfter = 2 * time.Second

// signalled is called for every terminating signal while the pipelines run.
func (e *healthExtension) signalled(s os.Signal) {
	e.withLife(func(m *drain.Machine) { m.Signal(signalKind(s), time.Now()) })
	e.leave()
	e.judge(s.String() + " signal received")
}

func signalKind(s os.Signal) drain.Signal {
	if s == syscall.SIGTERM {
		return drain.Terminate
	}
	return drain.Interrupt
}

// NotReady is called before the first receiver stops, at a reload and after a
// failed start as well. As long as it does not return, everything still works:
// this is where the drain takes place. It has no context; what bounds it is
// the drain's verdict.
func (e *healthExtension) NotReady() error {
	defer e.terminal.close()
	further := e.terminal.takeOver(e.signalled)
	e.withLife(func(m *drain.Machine) { m.Stop() })
	e.judge("the pipelines are being stopped")
	begin, told := time.Now(), false
	for {
		v, left := e.drainVerdict()
		if v.Outcome != "" {
			e.stopping(time.Since(begin), v.Outcome, left)
			return nil
		}
		if !told {
			told = true
			e.set.Logger.Info("Draining: /ready answers 503 while the receivers still accept; a further signal cuts this short",
				zap.Duration("at_least", v.Wait), zap.Duration("at_most", max(e.cfg.Drain.Min, e.cfg.Drain.Max)))
		}
		timer := time.NewTimer(v.Wait)
		select {
		case <-timer.C:
		case s := <-further:
			e.signalled(s)
		}
		timer.Stop()
	}
}

// leave tells receivers how far the end has come, and returns how many
// connections have yet to go.
func (e *healthExtension) leave() (senders int64) {
	var step intake.Step
	e.withLife(func(m *drain.Machine) { step = m.Step(time.Now()) })
	if step == intake.Open {
		return 0
	}
	return e.intakes.Leave(context.Background(), step)
}

// drainVerdict says whether to hold, and what is left.
func (e *healthExtension) drainVerdict() (v drain.Verdict, left leftovers) {
	e.withLife(func(m *drain.Machine) { v = m.Judge(time.Now(), drain.Pending{}) })
	if v.Outcome == drain.NeverReady {
		return v, left
	}
	senders := e.leave()
	pending, left := e.pending()
	pending.Senders = senders
	e.withLife(func(m *drain.Machine) { v = m.Judge(time.Now(), pending) })
	return v, left
}

// stopping tells how the hold ended, and what is left to the components' own
// shutdown, which may lose it.
func (e *healthExtension) stopping(held time.Duration, outcome drain.Outcome, left leftovers) {
	fields := append([]zap.Field{zap.Duration("held", held), zap.String("drain", string(outcome))}, left.fields()...)
	if left.none() {
		e.set.Logger.Info("Stopping the pipelines", fields...)
		return
	}
	e.set.Logger.Warn("Stopping the pipelines although not everything in memory was delivered", fields...)
}

// terminal hears the terminating signals beside the collector, which gets each
// of them as well. It listens only while the pipelines run: before that the
// collector does not listen yet, and the signal must end the process.
type terminal struct {
	notify func(chan<- os.Signal, ...os.Signal)
	forget func(chan<- os.Signal)
	raise  func(os.Signal) error

	mu        sync.Mutex
	heard     chan os.Signal
	listening bool
	quit      chan struct{}
	reader    sync.WaitGroup
}

func newTerminal() *terminal {
	return &terminal{
		notify: signal.Notify,
		forget: signal.Stop,
		raise:  raise,
		heard:  make(chan os.Signal, 4),
		quit:   make(chan struct{}),
	}
}

// listen calls got for every signal, until takeOver or close.
func (t *terminal) listen(got func(os.Signal)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listening {
		return
	}
	t.listening = true
	t.notify(t.heard, os.Interrupt, syscall.SIGTERM)
	t.reader.Go(func() { t.read(got) })
}

func (t *terminal) read(got func(os.Signal)) {
	var last os.Signal
	var overdue <-chan time.Time
	for {
		select {
		case <-t.quit:
			return
		case last = <-t.heard:
			got(last)
			if overdue == nil {
				overdue = time.After(handBackAfter)
			}
		case <-overdue:
			// Nobody acts on the signal: the collector was told not to, or
			// was not listening yet. Without us it would have ended the
			// process, so let it.
			t.forget(t.heard)
			_ = t.raise(last) // not every system can; then it stays as it is
			return
		}
	}
}

// takeOver gives the signals to the caller, after got was called for those
// that came before. The signal that makes the collector stop the pipelines may
// be on its way to us still; asking for it again waits until it is delivered.
func (t *terminal) takeOver(got func(os.Signal)) <-chan os.Signal {
	if !t.end() {
		return nil
	}
	t.notify(t.heard, os.Interrupt, syscall.SIGTERM)
	for {
		select {
		case s := <-t.heard:
			got(s)
		default:
			return t.heard
		}
	}
}

// close stops listening. It is safe to call twice.
func (t *terminal) close() {
	t.end()
	t.forget(t.heard)
}

// end waits for the reader to be gone and returns whether there was one.
func (t *terminal) end() (listened bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.listening {
		return false
	}
	t.listening = false
	close(t.quit)
	t.reader.Wait()
	return true
}

func raise(s os.Signal) error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Signal(s)
}
