package sluice

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

// served is a session after its Welcome, with a stream that nobody reads or writes.
func served(t *testing.T, change func(*sluicev1.Welcome)) (*session, *stream) {
	t.Helper()
	o := defaultOptions()
	o.chains = []string{"test"}
	o.windowMessages = 1000
	s := newSession(&o, "test", 1000, 0)
	w := &sluicev1.Welcome{ProtocolVersion: 1, HeartbeatIntervalMs: 10_000, MaxFrameBytes: 1 << 20, Features: []string{"began"}}
	if change != nil {
		change(w)
	}
	if err := s.receive(&gatewayParts{welcome: w}, nil, 0); err != nil {
		t.Fatal(err)
	}
	s.readsAgain(0)
	if err := s.tick(0); err != nil {
		t.Fatal(err)
	}
	st := &stream{session: s, options: &o}
	st.alive.Store(true)
	return s, st
}

// sent decodes what goes out next; nil: nothing does.
func sent(t *testing.T, s *session, now time.Duration) *sluicev1.WorkerFrame {
	t.Helper()
	act, f := s.next(now)
	if act != write {
		return nil
	}
	frame := &sluicev1.WorkerFrame{}
	if err := proto.Unmarshal(f.data.Materialize(), frame); err != nil {
		t.Fatal(err)
	}
	return frame
}

func held(st *stream, now time.Duration, messages ...Message) *batch {
	b := newBatch(st, messages)
	if err := st.session.receive(&gatewayParts{}, b, now); err != nil {
		panic(err)
	}
	st.session.readsAgain(now)
	return b
}

func TestTheHelloSaysWhichSDKItIs(t *testing.T) {
	s, _ := served(t, nil)
	frame := &sluicev1.WorkerFrame{}
	if err := proto.Unmarshal(s.hello().Materialize(), frame); err != nil {
		t.Fatal(err)
	}
	if got := frame.GetHello().GetSdk(); got != "sluice-go/"+Version {
		t.Errorf("it says %q", got)
	}
}

func TestASilentGatewayIsGivenUpAfterTwoIntervals(t *testing.T) {
	s, _ := served(t, nil)
	if err := s.tick(20*time.Second - 1); err != nil {
		t.Fatalf("given up too early: %v", err)
	}
	if err := s.tick(20 * time.Second); status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("not given up: %v", err)
	}
}

func TestThereIsAPingWhenThereIsNothingElseToSay(t *testing.T) {
	s, _ := served(t, nil)
	if err := s.tick(5*time.Second - 1); err != nil || sent(t, s, 0) != nil {
		t.Fatal("said something too early")
	}
	if err := s.tick(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if frame := sent(t, s, 5*time.Second); frame.GetPing() == nil {
		t.Fatalf("said %v", frame)
	}
	if s.wake > 10*time.Second {
		t.Fatalf("wants to be woken at %v", s.wake)
	}
}

func TestOnlyTheLastOfSeveralPingsIsAnswered(t *testing.T) {
	s, _ := served(t, nil)
	for _, value := range []uint64{5, 0} {
		if err := s.receive(&gatewayParts{ping: nonce{value, true}}, nil, 1); err != nil {
			t.Fatal(err)
		}
	}
	if frame := sent(t, s, 1); frame.GetPong() == nil || frame.GetPong().GetNonce() != 0 {
		t.Fatalf("said %v", frame)
	}
	if frame := sent(t, s, 1); frame != nil {
		t.Fatalf("said %v", frame)
	}
}

func TestLeavingHalfClosesWhenThePongHasComeAndNothingIsHeld(t *testing.T) {
	s, st := served(t, nil)
	b := held(st, 0, Message{DeliveryID: 7})
	s.drain()
	if frame := sent(t, s, 0); frame.GetDrain() == nil || frame.GetPing() != nil {
		t.Fatalf("first said %v", frame)
	}
	if frame := sent(t, s, 0); frame.GetPing().GetNonce() != drainNonce {
		t.Fatalf("then said %v", frame)
	}
	if err := s.receive(&gatewayParts{pong: nonce{heartbeatNonce, true}}, nil, 0); err != nil {
		t.Fatal(err)
	}
	b.deliveries[0].state.Store(stateRunning)
	st.settle(&b.deliveries[0], &settlement{}, false)
	if frame := sent(t, s, 0); len(frame.GetSettles()) != 1 {
		t.Fatalf("settled with %v", frame)
	}
	if act, _ := s.next(0); act != nothing {
		t.Fatal("half-closed before the Pong")
	}
	if err := s.receive(&gatewayParts{pong: nonce{drainNonce, true}}, nil, 0); err != nil {
		t.Fatal(err)
	}
	if act, _ := s.next(0); act != halfClose {
		t.Fatal("not half-closed")
	}
}

func TestWhatHasBegunIsToldInOneFrameAndExtendedAtHalfItsLease(t *testing.T) {
	s, st := served(t, nil)
	lease := 2 * time.Second
	b := held(st, 0, Message{DeliveryID: 1, Lease: lease}, Message{DeliveryID: 2, Lease: lease}, Message{DeliveryID: 3, Lease: lease})
	for i := range 2 {
		b.deliveries[i].state.Store(stateRunning)
	}
	if s.wake != tellBegunEvery {
		t.Fatalf("wants to be woken at %v", s.wake)
	}
	if err := s.tick(tellBegunEvery); err != nil {
		t.Fatal(err)
	}
	if frame := sent(t, s, 0); len(frame.GetBegan()) != 2 {
		t.Fatalf("told %v", frame)
	}
	for range 2 { // The third waits for a handler: its lease has not begun.
		if err := s.tick(lease / 2); err != nil {
			t.Fatal(err)
		}
	}
	if frame := sent(t, s, 0); len(frame.GetExtends()) != 2 || frame.GetExtends()[0].GetLeaseMs() != 2000 {
		t.Fatalf("extended %v", frame)
	}
	clipped := &gatewayParts{results: []itemResult{{Result: Result{DeliveryID: 1, Code: ResultClipped}}}}
	if err := s.receive(clipped, nil, 0); err != nil {
		t.Fatal(err)
	}
	s.readsAgain(lease)
	if err := s.tick(lease); err != nil {
		t.Fatal(err)
	}
	if frame := sent(t, s, 0); len(frame.GetExtends()) != 1 || frame.GetExtends()[0].GetDeliveryId() != 2 {
		t.Fatalf("extended %v", frame)
	}
}

func TestFramesAreCutAtTheGatewaysLimit(t *testing.T) {
	s, st := served(t, func(w *sluicev1.Welcome) { w.MaxFrameBytes = 1000 })
	messages := make([]Message, 300)
	for i := range messages {
		messages[i].DeliveryID = uint64(i + 1)
	}
	b := held(st, 0, messages...)
	for i := range b.deliveries {
		d := &b.deliveries[i]
		d.state.Store(stateRunning)
		st.settle(d, &settlement{replies: []Reply{{Payload: make([]byte, i)}}}, false)
	}
	settled := uint64(0)
	for {
		act, f := s.next(0)
		if act != write {
			break
		}
		if f.data.Len() > 1000 {
			t.Fatalf("a frame of %d bytes", f.data.Len())
		}
		frame := &sluicev1.WorkerFrame{}
		if err := proto.Unmarshal(f.data.Materialize(), frame); err != nil {
			t.Fatal(err)
		}
		for _, settle := range frame.GetSettles() {
			if settled++; settle.GetDeliveryId() != settled {
				t.Fatalf("delivery %d was settled as number %d", settle.GetDeliveryId(), settled)
			}
		}
		f.data.Free()
	}
	if settled != 300 || s.heldMessages != 0 || s.heldBytes != 0 || s.outbox.size != 0 {
		t.Fatalf("%d settled, %d held with %d bytes, %d bytes unsent", settled, s.heldMessages, s.heldBytes, s.outbox.size)
	}
}

func TestFramesAreCutAtTheBoundOnItems(t *testing.T) {
	var o outbox
	o.pieceLimit = pieceBytes
	for range 3 {
		o.add([]byte{1}, item{count: 40_000}, false)
	}
	if f := o.take(frameBytes); f.count != 80_000 {
		t.Fatalf("a frame of %d items", f.count)
	}
	if f := o.take(frameBytes); f.count != 40_000 || !o.empty() {
		t.Fatalf("then one of %d items", f.count)
	}
}

func TestASettleThatFitsIntoNoFrameBecomesAReject(t *testing.T) {
	for name, reply := range map[string]Reply{
		"large":      {Payload: make([]byte, 2<<20)},
		"properties": {UserProperties: make([]UserProperty, maxFrameItems)},
		"not UTF-8":  {Topic: "\xff"},
	} {
		s, st := served(t, nil)
		st.owner = newFleet(st.options, nil)
		b := held(st, 0, Message{DeliveryID: 7})
		b.deliveries[0].state.Store(stateRunning)
		st.settle(&b.deliveries[0], &settlement{replies: []Reply{reply}}, false)
		frame := sent(t, s, 0)
		if len(frame.GetSettles()) != 1 || frame.Settles[0].Outcome != sluicev1.Outcome_OUTCOME_REJECT || frame.Settles[0].Reason == "" {
			t.Fatalf("%s: settled with %v", name, frame)
		}
	}
}

func TestFramesAreWrittenAsProtobufReadsThem(t *testing.T) {
	expiry, none := 1500*time.Millisecond, time.Duration(0)
	replies := []Reply{
		{Topic: "t", Payload: []byte("p"), QoS: QoS(0), Retain: true, ReplyID: 1 << 40, ContentType: "c", ResponseTopic: "r",
			CorrelationData: []byte{}, UserProperties: []UserProperty{{"a", "1"}, {"a", ""}}, Expiry: &expiry,
			Metadata: map[string]string{"k": "v"}},
		{QoS: QoS(2), CorrelationData: []byte{0, 255}, Expiry: &none},
	}
	parts := measureSettle(9, &settlement{OutcomeRetry, "why", time.Millisecond / 2, replies})
	encoded := parts.append(nil)
	if len(encoded) != parts.size() {
		t.Fatalf("measured %d bytes, wrote %d", parts.size(), len(encoded))
	}
	got := &sluicev1.WorkerFrame{}
	if err := proto.Unmarshal(encoded, got); err != nil {
		t.Fatal(err)
	}
	want := &sluicev1.WorkerFrame{Settles: []*sluicev1.Settle{{DeliveryId: 9, Outcome: sluicev1.Outcome_OUTCOME_RETRY,
		Reason: "why", RetryAfterMs: 1, Replies: []*sluicev1.Reply{
			{Topic: "t", Payload: []byte("p"), Qos: proto.Uint32(0), Retain: true, ReplyId: 1 << 40, ContentType: "c",
				ResponseTopic: "r", CorrelationData: []byte{}, UserProperties: []*sluicev1.UserProperty{
					{Name: "a", Value: "1"}, {Name: "a"}}, ExpiryS: proto.Uint32(2), Metadata: map[string]string{"k": "v"}},
			{Qos: proto.Uint32(2), CorrelationData: []byte{0, 255}, ExpiryS: proto.Uint32(0)},
		}}}}
	if !proto.Equal(got, want) {
		t.Fatalf("wrote %v\nwanted %v", got, want)
	}
}

func TestDeliveriesAreReadAsProtobufWritesThem(t *testing.T) {
	encoded, err := proto.Marshal(&sluicev1.GatewayFrame{
		Deliveries: []*sluicev1.Delivery{
			{DeliveryId: 1 << 52, MessageId: "m", Route: "r", Chain: "c", StartNode: "s", Topic: "t", Payload: []byte("p"), Qos: 2,
				Retain: true, Dup: true, DataType: 99, ReceivedUnixMs: 1_700_000_000_123, AgeMs: 5, LeaseMs: 30_000, Attempt: 3,
				OrderingKey: "o", ContentType: "ct", ResponseTopic: "rt", CorrelationData: []byte{1},
				UserProperties: []*sluicev1.UserProperty{{Name: "a", Value: "1"}, {Name: "a"}}, ExpiryS: proto.Uint32(0),
				Metadata: map[string]string{"k": "v", "": ""}},
			{DeliveryId: 2, DataType: sluicev1.DataType_DATA_TYPE_BINARY},
		},
		Revokes: []*sluicev1.Revoke{{DeliveryId: 9, Reason: 1}},
		Results: []*sluicev1.Result{{ReplyId: 1, DeliveryId: 2, Code: 77, MqttReasonCode: 151, Message: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, 0xFA, 0x3F, 2, 'x', 'y') // Field 1023, which nobody knows.
	var parts gatewayParts
	if err := decodeFrame(encoded, &parts); err != nil {
		t.Fatal(err)
	}
	m := &parts.deliveries[0]
	if m.DeliveryID != 1<<52 || m.MessageID != "m" || m.Route != "r" || m.Chain != "c" || m.StartNode != "s" || m.Topic != "t" ||
		string(m.Payload) != "p" || m.QoS != 2 || !m.Retain || !m.Dup || m.DataType != DataTypeUnspecified ||
		m.Received.UnixMilli() != 1_700_000_000_123 || m.Age != 5*time.Millisecond || m.Lease != 30*time.Second || m.Attempt != 3 ||
		m.OrderingKey != "o" || m.ContentType != "ct" || m.ResponseTopic != "rt" || !bytes.Equal(m.CorrelationData, []byte{1}) ||
		len(m.UserProperties) != 2 || m.UserProperty("a") != "1" || m.Expiry == nil || *m.Expiry != 0 ||
		len(m.Metadata) != 2 || m.Metadata["k"] != "v" {
		t.Fatalf("read %+v", m)
	}
	if second := &parts.deliveries[1]; second.Expiry != nil || second.DataType != DataTypeBinary || second.Metadata != nil {
		t.Fatalf("read %+v", second)
	}
	if len(parts.revokes) != 1 || parts.revokes[0] != 9 || parts.results[0].Code != ResultUnknown || parts.results[0].MQTTReasonCode != 151 {
		t.Fatalf("read %+v", parts)
	}
	for size := range encoded {
		_ = decodeFrame(encoded[:size:size], &gatewayParts{}) // Whatever is cut off, nothing beyond is read.
	}
}

func TestAWrongWelcomeEndsTheStream(t *testing.T) {
	o := defaultOptions()
	for name, parts := range map[string]*gatewayParts{
		"none":    {},
		"version": {welcome: &sluicev1.Welcome{ProtocolVersion: 2}},
	} {
		if err := newSession(&o, "test", 1, 0).receive(parts, nil, 0); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	s, _ := served(t, nil)
	if err := s.receive(&gatewayParts{welcome: &sluicev1.Welcome{ProtocolVersion: 1}}, nil, 0); err == nil {
		t.Error("a second Welcome was taken")
	}
}

func TestTheWindowFollowsHowLongHandlersTake(t *testing.T) {
	for _, c := range []struct {
		concurrency int
		handler     time.Duration
		streams     int
		want        uint32
	}{
		{4, 0, 1, 4}, {4, time.Second, 1, 4}, {4, 10 * time.Millisecond, 1, 44}, {4, 10 * time.Millisecond, 4, 11},
		{4, time.Nanosecond, 1, 1000}, {1, time.Second, 3, 1},
	} {
		if got := autoWindow(c.concurrency, c.handler, c.streams); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	s, _ := served(t, func(w *sluicev1.Welcome) { w.MaxWindow = &sluicev1.Window{Messages: 500} })
	s.setWindow(1000)
	if frame := sent(t, s, 0); frame != nil {
		t.Fatalf("told of a window that is not granted: %v", frame)
	}
	s.setWindow(100)
	if frame := sent(t, s, 0); frame.GetWindow().GetMessages() != 100 || frame.GetWindow().GetBytes() != 64<<20 {
		t.Fatalf("told %v", frame)
	}
}

func TestTheCodecGivesReadFramesMemoryOfTheirOwn(t *testing.T) {
	shared := []byte("abc")
	var frame []byte
	if err := (frameCodec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(shared[:1]), mem.SliceBuffer(shared[1:])}, &frame); err != nil {
		t.Fatal(err)
	}
	shared[0] = 'x'
	if string(frame) != "abc" {
		t.Fatalf("read %q", frame)
	}
}
