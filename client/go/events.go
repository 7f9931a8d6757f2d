package sluice

import (
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

// eventQueue hands events to the user's listener, one at a time, from a goroutine that holds nothing.
type eventQueue struct {
	listener func(Event)

	mu     sync.Mutex
	queue  []Event
	closed bool
	wake   chan struct{}
	done   chan struct{}
}

func newEventQueue(listener func(Event)) *eventQueue {
	return &eventQueue{listener: listener, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

const noRetry = time.Duration(-1)

// raise adds to the text what went wrong, and when it is tried again.
func (q *eventQueue) raise(kind EventKind, address string, err error, retryIn time.Duration, text string) {
	if err != nil {
		s := status.Convert(err)
		text += ": " + codeName(s.Code()) + ": " + s.Message()
	}
	if retryIn >= 0 {
		text += "; trying again in " + retryIn.Round(time.Millisecond).String()
	}
	q.add(Event{Kind: kind, Address: address, Err: err, RetryIn: retryIn, Text: text})
}

func (q *eventQueue) add(event Event) {
	if q.listener == nil {
		return
	}
	q.mu.Lock()
	if !q.closed {
		q.queue = append(q.queue, event)
	}
	q.mu.Unlock()
	poke(q.wake)
}

// serve until close has been called and all is told.
func (q *eventQueue) serve() {
	defer close(q.done)
	for {
		q.mu.Lock()
		events, closed := q.queue, q.closed
		q.queue = nil
		q.mu.Unlock()
		for _, event := range events {
			q.tell(event)
		}
		if len(events) > 0 {
			continue
		}
		if closed {
			return
		}
		<-q.wake
	}
}

func (q *eventQueue) tell(event Event) {
	defer func() {
		if value := recover(); value != nil {
			slog.Error("sluice: the listener for events panicked", slog.Any("panic", value), slog.String("event", event.Text))
		}
	}()
	q.listener(event)
}

// close waits until all is told.
func (q *eventQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	poke(q.wake)
	<-q.done
}
