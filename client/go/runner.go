package sluice

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// PanicError is a handler's panic, as [EventHandlerPanicked] tells it.
type PanicError struct {
	// Value that was panicked with.
	Value any
	// Stack of the goroutine.
	Stack []byte
}

// Error returns "panic: " and the value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// runner calls the handler for the messages of a batch, and hands what it answers to the stream.
type runner struct {
	handler  Handler
	settled  *atomic.Uint64
	panicked func(s *stream, m *Message, err *PanicError)
	inline   bool // On the stream's own goroutine, which sends when the batch is through.
}

// timing of a batch: how long its first handler took, and what a message took on average. Negative: none ran.
type timing struct{ first, mean time.Duration }

// run claims messages until none is left; `claimed` is called when the last one is.
func (r *runner) run(b *batch, claimed func()) timing {
	t := timing{-1, -1}
	var start, first time.Time
	ran := 0
	for {
		index, last := b.claim()
		if index < 0 {
			break
		}
		if last && claimed != nil {
			claimed()
		}
		if ran == 0 {
			start = time.Now()
		}
		if r.runOne(b, index) {
			ran++
			if ran == 1 {
				first = time.Now()
			}
		}
	}
	switch {
	case ran == 1:
		t.first = first.Sub(start)
		t.mean = t.first
	case ran > 1:
		t.first = first.Sub(start)
		t.mean = time.Since(start) / time.Duration(ran)
	}
	return t
}

// runOne is false for a delivery that was lost before its handler.
func (r *runner) runOne(b *batch, index int) bool {
	d, s := &b.deliveries[index], b.stream
	ran := s.alive.Load() && d.state.CompareAndSwap(stateHeld, stateRunning)
	// Also when the handler ends the goroutine.
	defer func() {
		if b.left.Add(-1) == 0 {
			s.finish(b)
			if r.inline {
				s.flush()
			}
		}
	}()
	if ran {
		r.callHandler(s, d, &b.messages[index])
	}
	return ran
}

func (r *runner) callHandler(s *stream, d *delivery, m *Message) {
	result := settlement{outcome: OutcomeRetry, reason: "the handler ended its goroutine"}
	defer func() {
		if value := recover(); value != nil {
			err := &PanicError{Value: value, Stack: debug.Stack()}
			result = settlement{outcome: OutcomeRetry, reason: err.Error()}
			r.panicked(s, m, err)
		}
		r.settled.Add(1)
		s.settle(d, &result, r.inline)
		d.end()
	}()
	result = settlementOf(r.handler(d, m))
}
