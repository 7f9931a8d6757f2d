package sluice

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
)

// Stats of a worker, since it was made.
type Stats struct {
	// Streams that are connected now.
	Streams int
	// Received deliveries.
	Received uint64
	// Settled: handlers that came to an end, whatever their outcome.
	Settled uint64
}

// Worker serves chains of Sluice gateways. All methods are safe for several goroutines.
type Worker struct {
	options options
	fleet   *fleet
	ran     atomic.Bool
}

// NewWorker makes a worker; [Worker.Run] starts it.
//
// gateways are "HOST:PORT", "[IPv6]:PORT" or "HOST" (port 7443), at least one. Each name is looked up for all its
// addresses, and one stream is kept to each: list a headless Service, or every replica. chains are those this worker
// serves, 1 … 1,000, each at most 256 bytes. The error is an *[OptionError].
func NewWorker(gateways, chains []string, handler Handler, with ...Option) (*Worker, error) {
	w := &Worker{options: defaultOptions()}
	w.options.gateways, w.options.chains = slices.Clone(gateways), slices.Clone(chains)
	for _, option := range with {
		option(&w.options)
	}
	if handler == nil {
		return nil, badOption("handler", "is nil: nothing would ever be settled")
	}
	if err := w.options.validate(); err != nil {
		return nil, err
	}
	w.fleet = newFleet(&w.options, handler)
	return w, nil
}

// Run serves until [Worker.Drain] or [Worker.Stop], over any number of lost connections. The end of ctx drains; its
// values are those of the handlers' contexts. All goroutines of the worker are gone when it returns, so it waits for
// handlers that run.
//
// Nil: everything in work was settled. [ErrDrainTimeout], [ErrStopped], [ErrRan] say what else there is.
func (w *Worker) Run(ctx context.Context) error {
	if w.ran.Swap(true) {
		return ErrRan
	}
	return w.fleet.run(ctx)
}

// RunUntilSignal is Run, with SIGTERM and SIGINT taken over meanwhile: the first drains, the second stops.
func (w *Worker) RunUntilSignal(ctx context.Context) error {
	if w.ran.Swap(true) {
		return ErrRan
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	done := make(chan struct{})
	defer func() {
		signal.Stop(signals)
		close(done)
	}()
	go func() {
		for _, act := range []func(){w.Drain, w.Stop} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	}()
	return w.fleet.run(ctx)
}

// Drain takes no new messages, finishes those in work, and lets Run return. It returns at once; also before Run, and
// again.
func (w *Worker) Drain() { w.fleet.drain() }

// Stop ends the streams as they are; what is in work will be delivered again. Run returns when running handlers have.
func (w *Worker) Stop() { w.fleet.stop() }

// Stats of now.
func (w *Worker) Stats() Stats { return w.fleet.stats() }
