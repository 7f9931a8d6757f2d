package sluice

import (
	"context"
	"sync/atomic"
	"time"
)

// States of a delivery.
const (
	stateHeld    uint32 = iota // Waits for a handler.
	stateRunning               // In a handler.
	stateDone                  // Settled: no more extensions.
	stateLost                  // The gateway gave it to another worker.
)

// delivery is one message from its receipt to its settle, and its handler's context.
//
// A context that nobody waits for costs nothing: the real one is made by the first call of Done.
type delivery struct {
	id          uint64
	windowBytes int64
	batch       *batch
	state       atomic.Uint32

	// Of the lease keeper.
	lease time.Duration // 0: not to be extended, any more.
	told  time.Duration // When the gateway was told that a handler has begun it; never: it was not.

	waited atomic.Pointer[waitedContext] // Nil until somebody waits.
}

// waitedContext is the real context of a handler.
type waitedContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// batch is the deliveries of one frame on their way through the handlers. Handlers' goroutines share it: each claims
// one message at a time.
type batch struct {
	stream     *stream
	messages   []Message
	deliveries []delivery
	next       atomic.Int64 // The first message that nobody has claimed; may pass the end.
	left       atomic.Int64 // Not yet finished.

	// Of the lease keeper.
	due   time.Duration
	index int // Among its batches; -1: not there.
}

// newBatch takes the messages of a frame.
func newBatch(s *stream, messages []Message) *batch {
	b := &batch{stream: s, messages: messages, deliveries: make([]delivery, len(messages)), index: -1}
	b.left.Store(int64(len(messages)))
	for i := range messages {
		m, d := &messages[i], &b.deliveries[i]
		d.id, d.lease, d.told, d.batch = m.DeliveryID, m.Lease, never, b
		d.windowBytes = windowBytes(m)
		m.delivery = d
	}
	return b
}

// claim returns the index of a message that is the caller's now, and whether it is the last. -1: none is left.
func (b *batch) claim() (index int, last bool) {
	size := int64(len(b.messages))
	if b.next.Load() >= size {
		return -1, false
	}
	claimed := b.next.Add(1) - 1
	if claimed >= size {
		return -1, false
	}
	return int(claimed), claimed == size-1
}

// lose is true once, unless the delivery is settled.
func (d *delivery) lose() bool {
	for {
		state := d.state.Load()
		if state != stateHeld && state != stateRunning {
			return false
		}
		if d.state.CompareAndSwap(state, stateLost) {
			d.end()
			return true
		}
	}
}

// end ends the handler's context, after the state says why.
func (d *delivery) end() {
	if w := d.waited.Load(); w != nil {
		w.cancel(d.cause())
	}
}

// cause of the context's end, other than its stream's; nil: it has not ended.
func (d *delivery) cause() error {
	switch d.state.Load() {
	case stateLost:
		return ErrAbandoned
	case stateDone:
		return errReturned
	default:
		return nil
	}
}

func (d *delivery) real() context.Context {
	if w := d.waited.Load(); w != nil {
		return w
	}
	w := &waitedContext{}
	w.Context, w.cancel = context.WithCancelCause(d.batch.stream.handlers)
	if !d.waited.CompareAndSwap(nil, w) {
		w.cancel(nil)
		return d.waited.Load()
	}
	// What has ended before could not see it.
	if cause := d.cause(); cause != nil {
		w.cancel(cause)
	}
	return w
}

// Deadline: there is none, since leases are extended.
func (d *delivery) Deadline() (time.Time, bool) { return time.Time{}, false }

func (d *delivery) Done() <-chan struct{} { return d.real().Done() }

func (d *delivery) Err() error {
	if w := d.waited.Load(); w != nil {
		return w.Err()
	}
	if d.cause() != nil {
		return context.Canceled
	}
	return d.batch.stream.handlers.Err()
}

// Value is also how package context finds the cause of the end, and the parent of a derived context.
func (d *delivery) Value(key any) any {
	if d.waited.Load() != nil || d.cause() != nil {
		return d.real().Value(key)
	}
	return d.batch.stream.handlers.Value(key)
}

// abandoned: nobody waits for the outcome.
func (d *delivery) abandoned() bool {
	return d.state.Load() != stateRunning || !d.batch.stream.alive.Load()
}
