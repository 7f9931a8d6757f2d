package sluicetest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/sluicev1"
)

// Stream is one stream of a worker, as its gateway sees it.
type Stream struct {
	// Hello as the worker has said it, and the metadata of its call.
	Hello    *sluicev1.Hello
	Metadata metadata.MD

	gateway *Gateway
	rpc     grpc.BidiStreamingServer[sluicev1.WorkerFrame, sluicev1.GatewayFrame]
	end     chan error
	sending sync.Mutex

	changes
	frames  []*sluicev1.WorkerFrame // After Hello.
	settles map[uint64][]*sluicev1.Settle
	began   []uint64
	extends []*sluicev1.Extend
	replies []*sluicev1.Reply
	pongs   []uint64
	windows []*sluicev1.Window
	drained bool
	closed  bool // The worker has half-closed.
	over    bool
	mute    bool
}

func newStream(g *Gateway, rpc grpc.BidiStreamingServer[sluicev1.WorkerFrame, sluicev1.GatewayFrame], hello *sluicev1.Hello) *Stream {
	return &Stream{Hello: hello, gateway: g, rpc: rpc, end: make(chan error, 1), settles: make(map[uint64][]*sluicev1.Settle)}
}

func (s *Stream) serve() error {
	received := make(chan error, 1)
	go func() {
		for {
			frame, err := s.rpc.Recv()
			if err != nil {
				received <- err
				return
			}
			s.take(frame)
		}
	}()
	var result error
	select {
	case err := <-received:
		if errors.Is(err, io.EOF) {
			s.change(func() { s.closed = true })
		} else {
			result = err
		}
	case result = <-s.end:
	}
	s.change(func() { s.over = true })
	return result
}

func (s *Stream) take(frame *sluicev1.WorkerFrame) {
	s.change(func() {
		s.frames = append(s.frames, frame)
		s.began = append(s.began, frame.GetBegan()...)
		s.extends = append(s.extends, frame.GetExtends()...)
		s.replies = append(s.replies, frame.GetReplies()...)
		for _, settle := range frame.GetSettles() {
			s.settles[settle.GetDeliveryId()] = append(s.settles[settle.GetDeliveryId()], settle)
		}
		if w := frame.GetWindow(); w != nil {
			s.windows = append(s.windows, w)
		}
		if p := frame.GetPong(); p != nil {
			s.pongs = append(s.pongs, p.GetNonce())
		}
		s.drained = s.drained || frame.GetDrain() != nil
	})
	s.mu.Lock()
	mute := s.mute
	s.mu.Unlock()
	if p := frame.GetPing(); p != nil && !mute {
		s.Send(&sluicev1.GatewayFrame{Pong: &sluicev1.Pong{Nonce: p.GetNonce()}})
	}
}

func (s *Stream) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// ---- what the gateway does

// Send a frame as it is.
func (s *Stream) Send(frame *sluicev1.GatewayFrame) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.rpc.Send(frame) // A stream that has ended is seen by what does not come.
}

// Deliver messages in one frame, and return the first one's delivery id; the others' follow it. What a delivery does
// not say is filled in: its ids, the worker's first chain, a lease of 30 s, the first attempt.
func (s *Stream) Deliver(deliveries ...*sluicev1.Delivery) uint64 {
	for _, d := range deliveries {
		if d.DeliveryId == 0 {
			d.DeliveryId = s.gateway.nextID()
		}
		if d.MessageId == "" {
			d.MessageId = fmt.Sprintf("00000000-0000-4000-8000-%012d", d.DeliveryId)
		}
		if d.Chain == "" {
			d.Chain = s.Hello.GetChains()[0]
		}
		if d.LeaseMs == 0 {
			d.LeaseMs = 30_000
		}
		if d.Attempt == 0 {
			d.Attempt = 1
		}
	}
	s.Send(&sluicev1.GatewayFrame{Deliveries: deliveries})
	return deliveries[0].GetDeliveryId()
}

// Result tells what became of items.
func (s *Stream) Result(results ...*sluicev1.Result) {
	s.Send(&sluicev1.GatewayFrame{Results: results})
}

// Revoke gives a delivery to another worker.
func (s *Stream) Revoke(id uint64, reason sluicev1.Revoke_Reason) {
	s.Send(&sluicev1.GatewayFrame{Revokes: []*sluicev1.Revoke{{DeliveryId: id, Reason: reason}}})
}

// Drain asks the worker to leave; it settles what it holds, half-closes, and connects again.
func (s *Stream) Drain(reason string) {
	s.Send(&sluicev1.GatewayFrame{Drain: &sluicev1.Drain{Reason: reason, DeadlineMs: 10_000}})
}

// Lose the stream, as when a gateway dies.
func (s *Stream) Lose() { s.End(status.Error(codes.Unavailable, "lost")) }

// End the stream with a status; nil is OK.
func (s *Stream) End(err error) {
	select {
	case s.end <- err:
	default:
	}
}

// Mute answers no more Pings.
func (s *Stream) Mute() { s.change(func() { s.mute = true }) }

// ---- what the worker is expected to do

func (s *Stream) expect(what string, is func() bool) {
	s.gateway.t.Helper()
	if !s.await(is) {
		s.gateway.t.Fatalf("sluicetest: no %s within %v", what, Patience)
	}
}

// ExpectSettle waits for the delivery's outcome.
func (s *Stream) ExpectSettle(id uint64) *sluicev1.Settle {
	s.gateway.t.Helper()
	var settle *sluicev1.Settle
	s.expect(fmt.Sprintf("settle of delivery %d", id), func() bool {
		if len(s.settles[id]) > 0 {
			settle = s.settles[id][0]
		}
		return settle != nil
	})
	return settle
}

// ExpectReply waits for the next reply that was sent ahead of its settle, and takes it.
func (s *Stream) ExpectReply() *sluicev1.Reply {
	s.gateway.t.Helper()
	var reply *sluicev1.Reply
	s.expect("reply ahead of its settle", func() bool {
		if len(s.replies) == 0 {
			return false
		}
		reply, s.replies = s.replies[0], s.replies[1:]
		return true
	})
	return reply
}

// ExpectBegan waits until the worker has said that the delivery's work has begun.
func (s *Stream) ExpectBegan(id uint64) {
	s.gateway.t.Helper()
	s.expect(fmt.Sprintf("word that delivery %d has begun", id), func() bool { return slices.Contains(s.began, id) })
}

// ExpectExtend waits for the next extension of a lease, and takes it.
func (s *Stream) ExpectExtend() *sluicev1.Extend {
	s.gateway.t.Helper()
	var extend *sluicev1.Extend
	s.expect("extension of a lease", func() bool {
		if len(s.extends) == 0 {
			return false
		}
		extend, s.extends = s.extends[0], s.extends[1:]
		return true
	})
	return extend
}

// ExpectPong waits for the answer to a Ping.
func (s *Stream) ExpectPong(nonce uint64) {
	s.gateway.t.Helper()
	s.expect(fmt.Sprintf("Pong %d", nonce), func() bool { return slices.Contains(s.pongs, nonce) })
}

// ExpectWindow waits for the next window after Hello's, and takes it.
func (s *Stream) ExpectWindow() *sluicev1.Window {
	s.gateway.t.Helper()
	var window *sluicev1.Window
	s.expect("other window", func() bool {
		if len(s.windows) == 0 {
			return false
		}
		window, s.windows = s.windows[0], s.windows[1:]
		return true
	})
	return window
}

// ExpectDrain waits until the worker takes leave.
func (s *Stream) ExpectDrain() {
	s.gateway.t.Helper()
	s.expect("Drain", func() bool { return s.drained })
}

// ExpectHalfClose waits until the worker has said all.
func (s *Stream) ExpectHalfClose() {
	s.gateway.t.Helper()
	s.expect("half-close", func() bool { return s.closed })
}

// ExpectEnd waits until the stream is over.
func (s *Stream) ExpectEnd() {
	s.gateway.t.Helper()
	s.expect("end of the stream", func() bool { return s.over })
}

// Settles of the delivery so far.
func (s *Stream) Settles(id uint64) []*sluicev1.Settle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.settles[id])
}

// Frames that came after Hello, so far.
func (s *Stream) Frames() []*sluicev1.WorkerFrame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames)
}
