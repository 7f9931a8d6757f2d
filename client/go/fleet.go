package sluice

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/internal/target"
	"sluice.dev/client/go/sluicev1"
)

// A stream that has served this long was no failure: the next pause starts from the first again.
const steady = time.Second

// fleet is all streams of a worker: one to each address that the names stand for, dialled again when it ends.
type fleet struct {
	options  *options
	instance string
	start    time.Time
	events   *eventQueue
	base     context.Context // Its values are those of handlers' contexts.

	handlerTime handlerTime
	concurrency int
	runner      runner
	pool        *pool // Nil with concurrency 0.

	streamsConnected atomic.Int32
	received         atomic.Uint64
	settled          atomic.Uint64

	leave    chan struct{} // Closed when the worker drains or stops.
	halt     chan struct{} // Closed when it stops.
	tasks    sync.WaitGroup
	mu       sync.Mutex
	leaving  bool
	stopped  bool
	targets  []target.Target
	found    [][]target.Address // Per target.
	failures []string           // Per target: what the last look-up has failed with.
	links    map[target.Replica]*link
	streams  map[*stream]time.Duration // All that have not ended, and since when they are connected; never: not yet.
}

func newFleet(o *options, handler Handler) *fleet {
	f := &fleet{options: o, instance: instanceName(o), start: time.Now(), events: newEventQueue(o.onEvent),
		leave: make(chan struct{}), halt: make(chan struct{}),
		links: make(map[target.Replica]*link), streams: make(map[*stream]time.Duration)}
	f.concurrency = o.concurrency
	if f.concurrency == AutoConcurrency {
		f.concurrency = max(4, runtime.GOMAXPROCS(0))
	}
	f.runner = runner{handler: Chain(handler, o.middleware...), settled: &f.settled, panicked: f.handlerPanicked,
		inline: f.concurrency == 0}
	for _, gateway := range o.gateways {
		t, _ := target.Parse(gateway) // validate has seen to it.
		f.targets = append(f.targets, t)
	}
	f.found = make([][]target.Address, len(f.targets))
	f.failures = make([]string, len(f.targets))
	return f
}

func instanceName(o *options) string {
	if o.instance != "" {
		return o.instance
	}
	host, _ := os.Hostname()
	return fmt.Sprintf("%.200s-%d", host, os.Getpid())
}

// run until drain or stop. Once.
func (f *fleet) run(ctx context.Context) error {
	f.base = context.WithoutCancel(ctx)
	go f.events.serve()
	defer f.events.close()
	if f.concurrency > 0 {
		f.pool = newPool(f.concurrency, &f.runner, &f.handlerTime)
		defer f.pool.close()
	}
	lookUps, endLookUps := context.WithCancel(context.Background())
	defer endLookUps()
	for i, t := range f.targets {
		if t.Literal {
			f.lookedUp(i, []target.Address{{IP: t.Host, Port: t.Port, Host: t.Host}}, nil, 0)
		} else {
			go f.keepLookingUp(lookUps, i)
		}
	}
	select {
	case <-f.leave:
	case <-ctx.Done():
		f.drain()
	}
	endLookUps()
	return f.finish()
}

// finish waits for the streams' ends.
func (f *fleet) finish() error {
	ended := make(chan struct{})
	go func() {
		f.tasks.Wait()
		close(ended)
	}()
	timer := time.NewTimer(f.options.drainTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-f.halt:
	case <-timer.C:
		select {
		case <-ended:
		default:
			f.endStreams(status.Error(codes.DeadlineExceeded, "not everything in work was settled within the drain timeout"))
			<-ended
			return ErrDrainTimeout
		}
	}
	<-ended
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return ErrStopped
	}
	return nil
}

// drain and stop may be called at any time, from any goroutine.
func (f *fleet) drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaving {
		return
	}
	f.leaving = true
	connected := false
	for s, since := range f.streams {
		connected = connected || since != never
		s.drain()
	}
	if connected {
		f.events.raise(EventDraining, "", nil, noRetry, "draining: what is in work is finished first")
	}
	close(f.leave)
}

func (f *fleet) stop() {
	f.mu.Lock()
	if !f.leaving {
		f.leaving = true
		close(f.leave)
	}
	if !f.stopped {
		f.stopped = true
		close(f.halt)
	}
	f.mu.Unlock()
	f.endStreams(status.Error(codes.Canceled, "stopped"))
}

func (f *fleet) endStreams(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.streams {
		s.cancel(why)
	}
}

func (f *fleet) stats() Stats {
	return Stats{Streams: int(f.streamsConnected.Load()), Received: f.received.Load(), Settled: f.settled.Load()}
}

// ---- what streams tell

func (f *fleet) now() time.Duration { return time.Since(f.start) }

func (f *fleet) connected(s *stream, w *sluicev1.Welcome) {
	f.mu.Lock()
	f.streams[s] = f.now()
	f.mu.Unlock()
	f.streamsConnected.Add(1)
	address := s.address.String()
	names := make([]string, 0, len(w.GetAcceptedChains()))
	for _, chain := range w.GetAcceptedChains() {
		names = append(names, chain.GetChain())
	}
	f.events.raise(EventConnected, address, nil, noRetry, fmt.Sprintf("connected to gateway %s at %s (session %s), serving %s",
		w.GetGateway(), address, w.GetSessionId(), strings.Join(names, ", ")))
	for _, refused := range w.GetRefusedChains() {
		f.events.raise(EventChainRefused, address, nil, noRetry, fmt.Sprintf("gateway %s delivers nothing from chain %s: %s",
			address, refused.GetChain(), refused.GetReason()))
	}
}

func (f *fleet) gatewayDrains(s *stream, reason string) {
	text := "gateway " + s.address.String() + " drains"
	if reason != "" {
		text += ": " + reason
	}
	f.events.raise(EventDraining, s.address.String(), nil, noRetry, text)
}

func (f *fleet) itemRefused(s *stream, what string) {
	f.events.raise(EventItemRefused, s.address.String(), nil, noRetry, "stream to "+s.address.String()+": "+what)
}

func (f *fleet) handlerPanicked(s *stream, m *Message, err *PanicError) {
	f.events.add(Event{Kind: EventHandlerPanicked, Address: s.address.String(), Err: err, RetryIn: noRetry,
		Text: fmt.Sprintf("the handler of message %s on %s panicked: %v", m.MessageID, m.Topic, err.Value)})
}

func (f *fleet) deliver(b *batch) {
	f.received.Add(uint64(len(b.messages)))
	if f.pool != nil {
		f.pool.submit(b)
		return
	}
	if t := f.runner.run(b, nil); t.mean >= 0 {
		f.handlerTime.add(t.mean)
	}
}

// retune the windows by how long handlers take.
func (f *fleet) retune(now time.Duration) {
	if f.options.windowMessages != AutoWindow {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	window := f.autoWindow(now)
	for s := range f.streams {
		s.setWindow(window)
	}
}

// autoWindow is what a stream should hold when nobody has said. With mu held.
func (f *fleet) autoWindow(now time.Duration) uint32 {
	handler := f.handlerTime.get()
	if f.pool == nil {
		// Each stream has a goroutine of its own, for handlers that are known to be short.
		if handler == 0 {
			handler = 5 * time.Millisecond
		}
		return autoWindow(1, handler, 1)
	}
	active, running, youngest := 0, 0, time.Duration(0)
	for s := range f.streams {
		works, its, since := s.load(now)
		if works {
			active++
		}
		running += its
		youngest = max(youngest, since)
	}
	if running >= f.concurrency {
		// None is free: what waits has waited for as long as this, whatever handlers took before.
		handler = max(handler, now-youngest)
	}
	return autoWindow(f.concurrency, handler, active)
}
