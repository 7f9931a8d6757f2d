package sluice

import (
	"math"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

const (
	protocolVersion = 1
	beganFeature    = "began"
	// Nonces tell the Pong that answers our Drain from those of heartbeats.
	heartbeatNonce = 1
	drainNonce     = 2
	// Handlers that take less are never told of: their settle says it. So a message costs no frame more, and one that
	// takes longer shares one with all others of its kind.
	tellBegunEvery = 50 * time.Millisecond
	// Since its last delivery a stream counts as one that has something to do.
	activeFor = time.Second
	// A gateway that does not say how large frames may be has gRPC's own limit.
	defaultMaxFrame = 4 << 20
	mostPongBytes   = 12
	mostBegan       = 1000 // In one piece.
)

type phase uint8

const (
	greeting phase = iota // Until Welcome.
	serving
	leaving // After a Drain, of whichever side.
)

// session is what a stream knows and decides, without gRPC and without a clock: time comes as a parameter, counted from
// when the worker was made. Not safe for several goroutines; its stream locks.
//
//	            Welcome             drain(), or the gateway's Drain
//	greeting ──────────▶ serving ───────────────────────────────▶ leaving ──▶ nothing held: half-close
type session struct {
	options  *options
	instance string

	phase            phase
	noMoreDeliveries bool
	halfClosed       bool
	outbox           outbox
	pong             nonce // Owed.
	leases           leaseKeeper
	maxFrame         int

	heldMessages int // Received, and their settle not yet handed to gRPC.
	heldBytes    int64
	window       uint32 // As the gateway was told.
	maxWindow    uint32 // What it grants at most.

	started   time.Duration
	heartbeat time.Duration
	sent      time.Duration // The last frame.
	listened  time.Duration // The last frame received, or since when we read again.
	reading   bool          // False while a frame is handled, or nothing is read because of the window.
	writing   bool
	delivered time.Duration // The last delivery.
	looked    time.Duration // For what has begun.
	wake      time.Duration // When tick wants to be called.
}

func newSession(o *options, instance string, window uint32, now time.Duration) *session {
	return &session{options: o, instance: instance, window: window, maxWindow: math.MaxUint32, maxFrame: defaultMaxFrame,
		outbox: outbox{pieceLimit: pieceBytes}, started: now, sent: now, listened: now, delivered: -activeFor, reading: true}
}

// hello is the first frame.
func (s *session) hello() mem.BufferSlice {
	encoded, err := proto.Marshal(&sluicev1.WorkerFrame{Hello: &sluicev1.Hello{
		MinProtocolVersion: protocolVersion,
		MaxProtocolVersion: protocolVersion,
		WorkerName:         s.options.workerName,
		Instance:           s.instance,
		Chains:             s.options.chains,
		Window:             s.windowNow(),
		LeaseMs:            uint32(s.options.lease / time.Millisecond),
		Features:           []string{beganFeature},
		Sdk:                sdk,
	}})
	if err != nil {
		panic(err) // Only for what is not UTF-8, which validate has refused.
	}
	return mem.BufferSlice{mem.SliceBuffer(encoded)}
}

func (s *session) windowNow() *sluicev1.Window {
	return &sluicev1.Window{Messages: s.window, Bytes: uint64(s.options.windowBytes)}
}

func (s *session) say(f *sluicev1.WorkerFrame, endsFrame bool) {
	encoded, err := proto.Marshal(f)
	if err != nil {
		panic(err)
	}
	s.outbox.add(encoded, item{}, endsFrame)
}

// ---- what the gateway says

// receive takes a frame's parts, and the batch made of its deliveries (nil: none). An error ends the stream. `lost` are
// the deliveries of before that the gateway has given to others.
func (s *session) receive(p *gatewayParts, b *batch, now time.Duration) error {
	s.reading = false
	if err := s.greet(p); err != nil {
		return err
	}
	if b != nil && !s.halfClosed { // After the half-close nothing can be settled: these go to others.
		s.hold(b, now)
	}
	for i := range p.results {
		switch r := &p.results[i]; {
		case r.Code == ResultStale && r.ReplyID == 0:
			s.lose(r.DeliveryID)
		case r.Code == ResultClipped:
			s.leases.stopExtending(r.DeliveryID)
		}
	}
	if p.ping.present {
		s.pong = p.ping
	}
	if p.pong.present && p.pong.value == drainNonce {
		s.noMoreDeliveries = true
	}
	if p.drain != nil {
		s.phase = leaving
		s.noMoreDeliveries = true
	}
	for _, id := range p.revokes {
		s.lose(id)
	}
	return nil
}

// greet checks that a Welcome comes first and only first.
func (s *session) greet(p *gatewayParts) error {
	w := p.welcome
	if s.phase != greeting {
		if w != nil {
			return status.Error(codes.InvalidArgument, "the gateway sent a second Welcome")
		}
		return nil
	}
	if w == nil {
		return status.Error(codes.InvalidArgument, "the gateway's first frame is not a Welcome")
	}
	if err := checkWelcome(w); err != nil {
		return err
	}
	s.phase = serving
	s.wake = 0 // The heartbeat begins.
	s.heartbeat = min(max(time.Duration(w.GetHeartbeatIntervalMs())*time.Millisecond, time.Second), time.Hour)
	s.leases.tellsBegun = slices.Contains(w.GetFeatures(), beganFeature)
	if limit := w.GetMaxFrameBytes(); limit > 0 {
		s.maxFrame = int(min(limit, math.MaxInt32))
	}
	s.outbox.pieceLimit = min(pieceBytes, s.maxFrame-mostPongBytes)
	if granted := w.GetMaxWindow().GetMessages(); granted > 0 {
		s.maxWindow = granted
		s.window = min(s.window, granted)
	}
	return nil
}

func (s *session) hold(b *batch, now time.Duration) {
	// A handler of what comes now is not looked at before it could be worth it.
	if s.leases.empty() {
		s.looked = now
	}
	s.delivered = now
	s.heldMessages += len(b.deliveries)
	for i := range b.deliveries {
		s.heldBytes += b.deliveries[i].windowBytes
	}
	s.leases.add(b, now)
	s.wake = min(s.wake, b.due, s.nextLook())
}

func (s *session) nextLook() time.Duration {
	if !s.leases.tellsBegun || s.leases.empty() {
		return never
	}
	return s.looked + tellBegunEvery
}

func (s *session) lose(id uint64) {
	if d := s.leases.markLost(id); d != nil {
		s.heldMessages--
		s.heldBytes -= d.windowBytes
	}
}

// overWindow: the gateway sends more than it was asked for, so that it is not read until handlers have caught up.
func (s *session) overWindow() bool {
	most := int64(s.options.windowMessages)
	if most == AutoWindow {
		most = mostAutoWindow
	}
	limit := s.options.windowBytes
	return int64(s.heldMessages) > most || (limit > 0 && s.heldBytes > limit && s.heldMessages > 1)
}

// readsAgain: what the gateway says is heard from now on.
func (s *session) readsAgain(now time.Duration) {
	s.reading = true
	s.listened = now
}

// ---- what the worker says

// drain takes leave. False: there is no Welcome yet, and the stream may as well be cut.
func (s *session) drain() bool {
	if s.phase == greeting {
		return false
	}
	if s.phase == serving {
		s.phase = leaving
		s.say(&sluicev1.WorkerFrame{Drain: &sluicev1.Drain{Reason: "the worker shuts down"}}, true)
		// Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
		s.say(&sluicev1.WorkerFrame{Ping: &sluicev1.Ping{Nonce: drainNonce}}, false)
	}
	return true
}

// setWindow tells the gateway of another window, if it is worth it.
func (s *session) setWindow(messages uint32) {
	messages = min(messages, s.maxWindow)
	if s.phase != serving || !worthTelling(s.window, messages) {
		return
	}
	s.window = messages
	s.say(&sluicev1.WorkerFrame{Window: s.windowNow()}, false)
}

// fits: the largest item that may be sent.
func (s *session) fits(size, items int) bool {
	return size <= s.maxFrame-mostPongBytes && items <= maxFrameItems
}

type action uint8

const (
	nothing action = iota
	write
	halfClose
)

// next is what can be written now. The frame before must have been.
func (s *session) next(now time.Duration) (action, frame) {
	if s.phase == greeting || s.halfClosed {
		return nothing, frame{}
	}
	if !s.outbox.empty() || s.pong.present {
		var f frame
		if !s.outbox.empty() {
			f = s.outbox.take(min(frameBytes, s.maxFrame) - mostPongBytes)
		}
		if s.pong.present {
			f.data = append(f.data, mem.SliceBuffer(appendPong(nil, s.pong.value)))
			s.pong = nonce{}
		}
		s.heldMessages -= f.settled
		s.heldBytes -= f.settledBytes
		s.sent = now
		return write, f
	}
	if s.phase == leaving && s.noMoreDeliveries && s.heldMessages == 0 {
		s.halfClosed = true
		return halfClose, frame{}
	}
	return nothing, frame{}
}

// tick does what is due: extensions, what has begun, heartbeat, time limits. It wants to be called again at s.wake. An
// error ends the stream.
func (s *session) tick(now time.Duration) error {
	if s.phase == greeting {
		s.wake = s.started + s.options.connectTimeout
		if now >= s.wake {
			return status.Error(codes.DeadlineExceeded, "no connection and Welcome in time")
		}
		return nil
	}
	if now >= s.sent+s.heartbeat/2 && !s.writing && s.outbox.empty() && !s.halfClosed {
		s.say(&sluicev1.WorkerFrame{Ping: &sluicev1.Ping{Nonce: heartbeatNonce}}, false)
	}
	if now >= s.nextLook() {
		s.looked = now
		s.tellBegun(s.leases.takeBegun(now))
	}
	for _, e := range s.leases.takeDue(now) {
		size := extendSize(e) + 2
		c := s.outbox.room(size, item{count: 1})
		*c.bytes = appendExtend(*c.bytes, e)
	}
	// While nothing is read the gateway cannot be heard, and is not to blame.
	silent := now + s.heartbeat
	if s.reading {
		silent = s.listened + 2*s.heartbeat
	}
	if now >= silent {
		return status.Error(codes.DeadlineExceeded, "the gateway was silent for two heartbeat intervals")
	}
	ping := s.sent + s.heartbeat/2
	if s.writing || s.halfClosed || !s.outbox.empty() {
		ping = now + s.heartbeat/2
	}
	s.wake = min(silent, ping, s.nextLook(), s.leases.next())
	return nil
}

func (s *session) tellBegun(ids []uint64) {
	for len(ids) > 0 {
		some := ids[:min(len(ids), mostBegan, max((s.outbox.pieceLimit-mostPongBytes)/10, 1))]
		ids = ids[len(some):]
		c := s.outbox.room(beganSize(some)+4, item{count: len(some)})
		*c.bytes = appendBegan(*c.bytes, some)
	}
}

// active: something was delivered lately, or is held.
func (s *session) active(now time.Duration) bool {
	return s.heldMessages > 0 || now < s.delivered+activeFor
}
