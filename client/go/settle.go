package sluice

import (
	"context"
	"fmt"

	"sluice.dev/client/go/internal/wire"
)

// What gathers from handlers on the stream's goroutine is sent before the batch is through when it grows this large.
const sendAt = 64 << 10

// limits says what does not fit.
func (s *stream) limits() string {
	return fmt.Sprintf("%d bytes and %d properties to a frame", s.session.maxFrame, maxFrameItems)
}

// settle a delivery whose handler has come to its end. With `later` it may wait for flush.
func (s *stream) settle(d *delivery, result *settlement, later bool) {
	if !d.state.CompareAndSwap(stateRunning, stateDone) {
		return // Lost: what the handler says is without effect.
	}
	parts := measureSettle(d.id, result)
	items := settleItems(result.replies)
	if why := s.refuse(&parts, items); why != "" {
		s.reportRefused(why)
		parts = measureSettle(d.id, &settlement{outcome: OutcomeReject, reason: why})
		items = 1
	}
	sent := item{count: items, settled: 1, settledBytes: d.windowBytes}
	size := parts.size()
	var large []byte
	if size >= copyBelow {
		large = parts.append(make([]byte, 0, size)) // Outside of the lock.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.alive.Load() {
		return
	}
	if large != nil {
		s.session.outbox.add(large, sent, false)
	} else {
		c := s.session.outbox.room(size, sent)
		*c.bytes = parts.append(*c.bytes)
	}
	if !later || s.session.outbox.size >= sendAt {
		s.kick()
	}
}

// refuse says why a settle cannot be sent; "": it can.
func (s *stream) refuse(parts *settleParts, items int) string {
	if !s.session.fits(parts.size(), items) {
		return "the handler's replies are larger than the gateway takes (" + s.limits() + ")"
	}
	for i := range parts.replies {
		if err := checkReply(&parts.replies[i]); err != nil {
			return err.Error()
		}
	}
	return ""
}

// finish a batch: all its messages are through.
func (s *stream) finish(b *batch) {
	s.mu.Lock()
	s.session.leases.remove(b)
	s.mu.Unlock()
}

// flush what settle has left for later.
func (s *stream) flush() {
	s.mu.Lock()
	s.kick()
	s.mu.Unlock()
}

// send a reply ahead of its settle, under the bound on unsent bytes.
func (d *delivery) send(ctx context.Context, r *Reply) error {
	s := d.batch.stream
	inner := replySize(r, d.id)
	size, items := wire.BytesSize(inner), replyItems(r)
	if !s.session.fits(size, items) {
		return fmt.Errorf("%w: it is larger than the gateway takes (%s)", ErrNotSendable, s.limits())
	}
	if err := checkReply(r); err != nil {
		return err
	}
	encode := func(out []byte) []byte {
		return appendReply(wire.AppendHead(out, fieldReplies, inner), r, d.id)
	}
	var large []byte
	if size >= copyBelow {
		large = encode(make([]byte, 0, size))
	}
	if err := s.lockWithRoom(ctx, size); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if d.abandoned() {
		return ErrAbandoned
	}
	if large != nil {
		s.session.outbox.add(large, item{count: items}, false)
	} else {
		c := s.session.outbox.room(size, item{count: items})
		*c.bytes = encode(*c.bytes)
	}
	s.kick()
	return nil
}

// lockWithRoom returns with mu held and room for `size` bytes, or with an error and without it.
func (s *stream) lockWithRoom(ctx context.Context, size int) error {
	s.mu.Lock()
	for {
		box := &s.session.outbox
		if !s.alive.Load() || box.empty() || int64(box.size+size) <= s.options.sendBufferBytes {
			return nil
		}
		if s.inline {
			s.kick()
			s.mu.Unlock()
			return ErrSendBufferFull
		}
		room := s.roomChannel()
		s.kick()
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			if context.Cause(ctx) == ErrAbandoned {
				return ErrAbandoned
			}
			return ctx.Err()
		case <-s.handlers.Done():
			return ErrAbandoned
		}
		s.mu.Lock()
	}
}
