package reference

import (
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

const maxItems = 100_000

// outbox is what a stream has yet to say. Under the stream's mutex.
type outbox struct {
	began      []uint64
	extends    []*sluicev1.Extend
	replies    []*sluicev1.Reply
	replyBytes int
	settles    []*sluicev1.Settle
	window     uint32 // 0: as it is.
	ping       uint64 // 0: none.
	pong       *sluicev1.Pong
	drain      bool
}

func (o *outbox) empty() bool {
	return len(o.began)+len(o.extends)+len(o.replies)+len(o.settles) == 0 && o.window == 0 && o.ping == 0 && o.pong == nil && !o.drain
}

// sized is the size of an item within a frame: with its tag and length, at most.
func sized(message proto.Message) int { return proto.Size(message) + 6 }

func replyItems(r *sluicev1.Reply) int { return 1 + len(r.UserProperties) + len(r.Metadata) }

func settleItems(settle *sluicev1.Settle) int {
	items := 1
	for _, r := range settle.Replies {
		items += replyItems(r)
	}
	return items
}

// take makes the next frame. A settle follows all replies that were queued before it.
func (o *outbox) take(limit int) *sluicev1.WorkerFrame {
	frame := &sluicev1.WorkerFrame{}
	left, items := limit-64, maxItems
	fits := func(bytes, count int) bool {
		if bytes > left || count > items {
			return false
		}
		left, items = left-bytes, items-count
		return true
	}
	for len(o.began) > 0 && fits(10, 1) {
		frame.Began, o.began = append(frame.Began, o.began[0]), o.began[1:]
	}
	for len(o.extends) > 0 && fits(sized(o.extends[0]), 1) {
		frame.Extends, o.extends = append(frame.Extends, o.extends[0]), o.extends[1:]
	}
	for len(o.replies) > 0 && fits(sized(o.replies[0]), replyItems(o.replies[0])) {
		o.replyBytes -= proto.Size(o.replies[0])
		frame.Replies, o.replies = append(frame.Replies, o.replies[0]), o.replies[1:]
	}
	for len(o.replies) == 0 && len(o.settles) > 0 && fits(sized(o.settles[0]), settleItems(o.settles[0])) {
		frame.Settles, o.settles = append(frame.Settles, o.settles[0]), o.settles[1:]
	}
	if o.window != 0 {
		frame.Window = &sluicev1.Window{Messages: o.window, Bytes: defaultWindowBytes}
	}
	if o.ping != 0 {
		frame.Ping = &sluicev1.Ping{Nonce: o.ping}
	}
	if o.drain {
		frame.Drain = &sluicev1.Drain{Reason: "the worker stops"}
	}
	frame.Pong = o.pong
	o.window, o.ping, o.pong, o.drain = 0, 0, nil, false
	return frame
}

func (s *stream) maxItemBytes() int { return int(s.welcome.MaxFrameBytes) - 64 }

// queueSettle makes a settle that fits into no frame a REJECT.
func (s *stream) queueSettle(settle *sluicev1.Settle) {
	if sized(settle) > s.maxItemBytes() || settleItems(settle) > maxItems {
		why := fmt.Sprintf("the handler's replies are larger than the gateway takes (%d bytes, %d items)", s.welcome.MaxFrameBytes, maxItems)
		s.worker.event("item_refused", s.link.address, codes.OK, -1, why)
		settle = &sluicev1.Settle{DeliveryId: settle.DeliveryId, Outcome: sluicev1.Outcome_OUTCOME_REJECT, Reason: why}
	}
	s.out.settles = append(s.out.settles, settle)
}

// sendEarly returns a status's name.
func (s *stream) sendEarly(r *sluicev1.Reply, id uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.DeliveryId = id
	if sized(r) > s.maxItemBytes() || replyItems(r) > maxItems {
		return "INVALID_ARGUMENT"
	}
	for s.out.replyBytes > or(s.worker.o.SendBufferBytes, 16<<20) && !s.dead {
		s.changed.Wait()
	}
	if s.dead || s.holds[id] == nil {
		return "UNAVAILABLE"
	}
	s.out.replies = append(s.out.replies, r)
	s.out.replyBytes += proto.Size(r)
	s.changed.Broadcast()
	return "OK"
}

// write sends what gathers, in as few frames as the gateway's limits allow, and half-closes when all is said.
func (s *stream) write() {
	for {
		s.mu.Lock()
		for s.welcome == nil && !s.dead || s.out.empty() && !s.done() && !s.dead {
			s.changed.Wait()
		}
		if s.dead {
			s.mu.Unlock()
			return
		}
		if s.out.empty() {
			s.halfClosed = true
			s.mu.Unlock()
			_ = s.call.CloseSend()
			return
		}
		limit := int(s.welcome.MaxFrameBytes)
		if s.is("ignores_frame_limit") {
			limit = 1 << 30
		}
		frame := s.out.take(limit)
		if frame.Ping != nil || s.halfClosed {
			s.said = time.Now()
		}
		s.changed.Broadcast()
		s.mu.Unlock()
		if s.call.SendMsg(frame) != nil {
			return
		}
		s.mu.Lock()
		s.said = time.Now()
		s.mu.Unlock()
	}
}

func (s *stream) done() bool { return s.draining && s.noMore && len(s.holds) == 0 }

const (
	tickEvery = 10 * time.Millisecond
	tellAfter = 50 * time.Millisecond
)

// tick does what time asks for: began, extends, heartbeats.
func (s *stream) tick() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-ticker.C:
			s.mu.Lock()
			if s.welcome != nil && !s.halfClosed {
				s.look(now)
			}
			s.mu.Unlock()
		}
	}
}

func (s *stream) look(now time.Time) {
	for id, h := range s.holds {
		if s.beganInUse() && !h.told && !h.startedAt.IsZero() && now.Sub(h.startedAt) >= tellAfter {
			h.told = true
			h.extendAt = now.Add(time.Duration(h.delivery.LeaseMs) * time.Millisecond / 2)
			if !s.is("never_says_began") {
				s.out.began = append(s.out.began, id)
			}
		}
		if h.told && now.After(h.extendAt) && !h.clipped && h.delivery.LeaseMs > 0 && !s.is("never_extends") {
			h.extendAt = now.Add(time.Duration(h.delivery.LeaseMs) * time.Millisecond / 2)
			s.out.extends = append(s.out.extends, &sluicev1.Extend{DeliveryId: id, LeaseMs: h.delivery.LeaseMs})
		}
	}
	s.tuneWindow()
	heartbeat := time.Duration(s.welcome.HeartbeatIntervalMs) * time.Millisecond
	if now.Sub(s.heard) >= 2*heartbeat && !s.is("waits_for_ever") {
		s.cancel(status.Error(codes.DeadlineExceeded, "the gateway was silent for two heartbeat intervals"))
	}
	if now.Sub(s.said) >= heartbeat/2 && s.out.ping == 0 && !s.is("sends_no_heartbeat") {
		s.said = now
		s.out.ping = heartbeatNonce
	}
	s.changed.Broadcast()
}

const (
	defaultWindow      = 16
	defaultWindowBytes = 64 << 20
	worthwhile         = 100 * time.Millisecond // Of work is what a worker should hold.
	widestWindow       = 1000
)

// tuneWindow asks for as many messages as the handlers get through soon, where nobody has said how many.
func (s *stream) tuneWindow() {
	took := time.Duration(s.worker.handlerTime.Load())
	if s.worker.o.WindowMessages != nil || took == 0 {
		return
	}
	slots := cap(s.worker.slots)
	wanted := uint32(min(widestWindow, slots+slots*int(min(widestWindow, worthwhile/took))))
	if change := max(wanted, s.window) - min(wanted, s.window); change > s.window/4 {
		s.window, s.out.window = wanted, wanted
	}
}
