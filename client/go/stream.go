package sluice

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/internal/target"
	"sluice.dev/client/go/sluicev1"
)

const reportInterval = time.Second

// streamOwner is whom a stream serves and tells. Called without the stream's lock.
type streamOwner interface {
	now() time.Duration
	// connected: a gateway has accepted the worker.
	connected(s *stream, w *sluicev1.Welcome)
	// gatewayDrains: the stream ends by itself when what it holds is settled.
	gatewayDrains(s *stream, reason string)
	itemRefused(s *stream, what string)
	// deliver has the handlers work on a batch, at once or on other goroutines.
	deliver(b *batch)
	// retune the windows.
	retune(now time.Duration)
}

// stream is one stream to one gateway replica: a session over gRPC. Three goroutines serve it: one reads, one writes,
// and one does what is due by the clock. Handlers' goroutines call in.
type stream struct {
	owner   streamOwner
	address target.Address
	options *options
	inline  bool // Handlers run on the goroutine that reads.

	call       context.Context // Of the gRPC call; ends with cancel or serve.
	cancelCall context.CancelFunc
	// What handlers' contexts derive from. Ends with the stream.
	handlers    context.Context
	endHandlers context.CancelCauseFunc

	alive  atomic.Bool   // False once settles can no longer reach the gateway.
	broken chan struct{} // Closed when a write has failed.
	wake   chan struct{} // To the goroutine that writes.
	keep   chan struct{} // To the one with the clock.

	mu       sync.Mutex
	session  *session
	parked   bool          // The goroutine that writes waits for wake.
	room     chan struct{} // Closed by the next write; nil while nobody waits for it.
	why      error         // Of cancel.
	reported time.Duration

	out mem.BufferSlice // Of the goroutine that writes.

	// Read after ended.
	moved  chan struct{} // Closed when the gateway has drained.
	ended  chan struct{}
	status error
}

func newStream(base context.Context, o *options, owner streamOwner, address target.Address, instance string, window uint32) *stream {
	s := &stream{owner: owner, address: address, options: o, inline: o.concurrency == 0,
		broken: make(chan struct{}), wake: make(chan struct{}, 1), keep: make(chan struct{}, 1),
		session: newSession(o, instance, window, owner.now()), reported: -reportInterval,
		moved: make(chan struct{}), ended: make(chan struct{})}
	s.handlers, s.endHandlers = context.WithCancelCause(base)
	s.call, s.cancelCall = context.WithCancel(context.Background())
	s.alive.Store(true)
	return s
}

// serve from dialling to the end. Once.
func (s *stream) serve() {
	var tasks sync.WaitGroup
	// What stays when a handler ends the goroutine on which it runs.
	err := status.Error(codes.Internal, "the goroutine that reads was ended")
	defer func() {
		s.alive.Store(false)
		s.cancelCall()
		s.endHandlers(ErrAbandoned)
		tasks.Wait()
		s.mu.Lock()
		if s.why != nil {
			err = s.why
		}
		s.mu.Unlock()
		if !errors.Is(err, io.EOF) {
			s.status = status.Convert(err).Err()
		}
		close(s.ended)
	}()
	tasks.Go(func() { s.guard("keeping time", s.keepTime) })
	err = s.converse(&tasks)
}

// guard ends the stream when a task of the SDK panics, so that it is connected again and the reason is an event.
func (s *stream) guard(where string, task func()) {
	var err error
	func() {
		defer recoverAs(&err, where)
		task()
	}()
	if err != nil {
		s.cancel(err)
	}
}

// converse connects, and reads until the end. io.EOF is an end as agreed.
func (s *stream) converse(tasks *sync.WaitGroup) (err error) {
	defer recoverAs(&err, "reading")
	ctx, err := authorize(s.call, s.options)
	if err != nil {
		return err
	}
	conn, err := dial(s.options, s.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	call, err := openStream(ctx, conn)
	if err != nil {
		return err
	}
	hello := s.session.hello()
	if err := call.SendMsg(&hello); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	tasks.Go(func() { s.guard("writing", func() { s.write(call) }) })
	for {
		var frame []byte
		if err := call.RecvMsg(&frame); err != nil {
			return err
		}
		if err := s.handle(frame); err != nil {
			return err
		}
		s.waitForWindow()
	}
}

// cancel ends the stream at once, for this reason.
func (s *stream) cancel(why error) {
	s.mu.Lock()
	if s.why == nil {
		s.why = why
	}
	s.mu.Unlock()
	s.alive.Store(false)
	s.endHandlers(ErrAbandoned)
	s.cancelCall()
}

// drain leaves when all that is held is settled.
func (s *stream) drain() {
	s.mu.Lock()
	greeted := s.session.drain()
	s.kick()
	s.mu.Unlock()
	if !greeted {
		s.cancel(status.Error(codes.Canceled, "the worker shuts down"))
	}
}

// ---- reading

func (s *stream) handle(frame []byte) error {
	var parts gatewayParts
	if err := decodeFrame(frame, &parts); err != nil {
		return err
	}
	var b *batch
	if len(parts.deliveries) > 0 {
		b = newBatch(s, parts.deliveries)
	}
	now := s.owner.now()
	s.mu.Lock()
	wake := s.session.wake
	err := s.session.receive(&parts, b, now)
	held := b != nil && b.index >= 0
	if s.session.pong.present || s.session.phase == leaving {
		s.kick()
	}
	sooner := s.session.wake < wake
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if sooner {
		poke(s.keep)
	}
	if parts.welcome != nil {
		s.owner.connected(s, parts.welcome)
	}
	for i := range parts.results {
		s.tellResult(&parts.results[i])
	}
	if parts.drain != nil {
		select {
		case <-s.moved:
		default:
			s.owner.gatewayDrains(s, parts.drain.GetReason())
			close(s.moved)
		}
	}
	if held {
		s.owner.deliver(b)
	}
	return nil
}

func (s *stream) tellResult(r *itemResult) {
	switch {
	case s.options.onResult != nil:
		s.options.onResult(r.Result)
	case r.ReplyID == 0 && r.Code != ResultOK && r.Code != ResultClipped:
		s.reportRefused(r.text())
	}
}

// waitForWindow: a gateway that sends more than it was asked for is not read until handlers have caught up.
func (s *stream) waitForWindow() {
	for {
		s.mu.Lock()
		if !s.session.overWindow() {
			s.session.readsAgain(s.owner.now())
			s.mu.Unlock()
			return
		}
		room := s.roomChannel()
		s.mu.Unlock()
		select {
		case <-room:
		case <-s.broken:
			return
		case <-s.call.Done():
			return
		}
	}
}

// ---- writing

// kick the goroutine that writes. With mu held.
func (s *stream) kick() {
	if s.parked {
		s.parked = false
		poke(s.wake)
	}
}

// poke without waiting: one that is not taken yet is enough.
func poke(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// roomChannel is closed by the next write. With mu held.
func (s *stream) roomChannel() <-chan struct{} {
	if s.room == nil {
		s.room = make(chan struct{})
	}
	return s.room
}

func (s *stream) write(call grpc.ClientStream) {
	for {
		s.mu.Lock()
		act, f := s.session.next(s.owner.now())
		s.session.writing = act == write
		s.parked = act == nothing
		if act == write && s.room != nil {
			close(s.room)
			s.room = nil
		}
		s.mu.Unlock()
		switch act {
		case nothing:
			select {
			case <-s.wake:
			case <-s.call.Done():
				return
			}
		case write:
			s.out = f.data
			if err := call.SendMsg(&s.out); err != nil {
				// Why is heard by the goroutine that reads.
				s.alive.Store(false)
				close(s.broken)
				if !errors.Is(err, io.EOF) {
					s.cancel(err)
				}
				return
			}
		case halfClose:
			_ = call.CloseSend()
			return
		}
	}
}

// keepTime does what is due by the clock.
func (s *stream) keepTime() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := s.owner.now()
		s.mu.Lock()
		err := s.session.tick(now)
		wake := s.session.wake
		if !s.session.outbox.empty() {
			s.kick()
		}
		s.mu.Unlock()
		if err != nil {
			s.cancel(err)
			return
		}
		s.owner.retune(now)
		timer.Reset(min(max(wake-now, time.Millisecond), time.Hour))
		select {
		case <-timer.C:
		case <-s.keep:
		case <-s.call.Done():
			return
		}
	}
}

// setWindow tells the gateway if it is worth it.
func (s *stream) setWindow(messages uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session.setWindow(messages)
	if !s.session.outbox.empty() {
		s.kick()
	}
}

// load returns whether the stream has something to do, how many handlers have run for long, and since when the last
// of them has.
func (s *stream) load(now time.Duration) (active bool, running int, youngest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	running, youngest = s.session.leases.running()
	return s.session.active(now), running, youngest
}

// reportRefused raises an event at most once a second.
func (s *stream) reportRefused(what string) {
	now := s.owner.now()
	s.mu.Lock()
	quiet := now-s.reported < reportInterval
	if !quiet {
		s.reported = now
	}
	s.mu.Unlock()
	if !quiet {
		s.owner.itemRefused(s, what)
	}
}
