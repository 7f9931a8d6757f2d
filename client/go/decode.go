package sluice

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/internal/wire"
	"sluice.dev/client/go/sluicev1"
)

// gatewayParts is what a frame of the gateway's holds.
type gatewayParts struct {
	welcome    *sluicev1.Welcome
	deliveries []Message
	results    []itemResult
	revokes    []uint64
	ping, pong nonce
	drain      *sluicev1.Drain
}

// nonce of a Ping or Pong, if there is one.
type nonce struct {
	value   uint64
	present bool
}

type itemResult struct {
	Result
	lease time.Duration // With ResultClipped.
}

func malformed(what string) error {
	return status.Error(codes.InvalidArgument, "the gateway sent a malformed "+what)
}

// view of bytes that nobody changes any more.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decodeFrame keeps views into the frame, which is the messages' from then on.
func decodeFrame(frame []byte, parts *gatewayParts) error {
	r := wire.NewReader(frame)
	for r.Next() {
		if r.Type != wire.Bytes {
			continue // Unknown: every field of today's frame is a message.
		}
		switch r.Number {
		case 1:
			parts.welcome = &sluicev1.Welcome{}
			if proto.Unmarshal(r.Bytes(), parts.welcome) != nil {
				return malformed("Welcome")
			}
		case 2:
			delivery := r.Bytes()
			last := len(parts.deliveries)
			if last == cap(parts.deliveries) {
				// Most frames hold deliveries alike in size.
				const mostAtOnce = 1024
				parts.deliveries = slices.Grow(parts.deliveries, min(len(frame)/(len(delivery)+2)+1, mostAtOnce))
			}
			parts.deliveries = parts.deliveries[:last+1] // What slices.Grow gives is zero.
			if !decodeDelivery(delivery, &parts.deliveries[last]) {
				return malformed("Delivery")
			}
		case 3:
			parts.results = append(parts.results, itemResult{})
			if !decodeResult(r.Bytes(), &parts.results[len(parts.results)-1]) {
				return malformed("Result")
			}
		case 4:
			if !decodeNonce(r.Bytes(), &parts.ping) {
				return malformed("Ping")
			}
		case 5:
			if !decodeNonce(r.Bytes(), &parts.pong) {
				return malformed("Pong")
			}
		case 6:
			parts.drain = &sluicev1.Drain{}
			if proto.Unmarshal(r.Bytes(), parts.drain) != nil {
				return malformed("Drain")
			}
		case 7:
			var id nonce // A Revoke has its number in the same place.
			if !decodeNonce(r.Bytes(), &id) {
				return malformed("Revoke")
			}
			parts.revokes = append(parts.revokes, id.value)
		}
	}
	if !r.OK() {
		return malformed("frame")
	}
	// The slice has come to its end: what points into it may be set.
	for i := range parts.deliveries {
		if m := &parts.deliveries[i]; m.Expiry != nil {
			m.Expiry = &m.expiry
		}
	}
	return nil
}

var someExpiry time.Duration // Marks a message that has one.

func decodeDelivery(input []byte, m *Message) bool {
	r := wire.NewReader(input)
	for r.Next() {
		switch r.Type {
		case wire.Bytes:
			if !decodeText(r.Number, r.Bytes(), m) {
				return false
			}
		case wire.Varint:
			switch r.Number {
			case 1:
				m.DeliveryID = r.Value
			case 8:
				m.QoS = byte(r.Value)
			case 9:
				m.Retain = r.Value != 0
			case 10:
				m.Dup = r.Value != 0
			case 11:
				if r.Value <= uint64(DataTypeBinary) {
					m.DataType = DataType(r.Value)
				}
			case 12:
				m.Received = time.UnixMilli(int64(r.Value))
			case 13:
				m.Age = millis(r.Value)
			case 14:
				m.Lease = millis(uint64(uint32(r.Value)))
			case 15:
				m.Attempt = uint32(r.Value)
			case 21:
				m.Expiry, m.expiry = &someExpiry, time.Duration(uint32(r.Value))*time.Second
			}
		}
	}
	return r.OK() && m.DeliveryID != 0
}

func decodeText(number uint32, value []byte, m *Message) bool {
	switch number {
	case 2:
		m.MessageID = view(value)
	case 3:
		m.Route = view(value)
	case 4:
		m.Chain = view(value)
	case 5:
		m.StartNode = view(value)
	case 6:
		m.Topic = view(value)
	case 7:
		m.Payload = value
	case 16:
		m.OrderingKey = view(value)
	case 17:
		m.ContentType = view(value)
	case 18:
		m.ResponseTopic = view(value)
	case 19:
		m.CorrelationData = value
	case 20:
		name, text, ok := decodePair(value)
		m.UserProperties = append(m.UserProperties, UserProperty{name, text})
		return ok
	case 22:
		name, text, ok := decodePair(value)
		if m.Metadata == nil {
			m.Metadata = make(map[string]string)
		}
		m.Metadata[name] = text
		return ok
	}
	return true
}

// UserProperty and the entries of map<string, string> have the same two fields.
func decodePair(input []byte) (name, value string, ok bool) {
	r := wire.NewReader(input)
	for r.Next() {
		if r.Type != wire.Bytes {
			continue
		}
		switch r.Number {
		case 1:
			name = view(r.Bytes())
		case 2:
			value = view(r.Bytes())
		}
	}
	return name, value, r.OK()
}

func decodeResult(input []byte, result *itemResult) bool {
	r := wire.NewReader(input)
	for r.Next() {
		switch {
		case r.Type == wire.Bytes && r.Number == 5:
			result.Message = string(r.Bytes())
		case r.Type != wire.Varint:
		case r.Number == 1:
			result.ReplyID = r.Value
		case r.Number == 2:
			result.DeliveryID = r.Value
		case r.Number == 3:
			result.Code = ResultUnknown
			if r.Value <= uint64(ResultExpired) {
				result.Code = ResultCode(r.Value)
			}
		case r.Number == 4:
			result.MQTTReasonCode = uint32(r.Value)
		case r.Number == 6:
			result.lease = millis(r.Value)
		}
	}
	return r.OK()
}

func decodeNonce(input []byte, n *nonce) bool {
	*n = nonce{present: true}
	r := wire.NewReader(input)
	for r.Next() {
		if r.Number == 1 && r.Type == wire.Varint {
			n.value = r.Value
		}
	}
	return r.OK()
}

// millis holds what would overflow to the longest.
func millis(value uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(value, most)) * time.Millisecond
}

// windowBytes is what a message takes of the window: payload, topic and properties.
func windowBytes(m *Message) int64 {
	size := len(m.Payload) + len(m.Topic) + len(m.ContentType) + len(m.ResponseTopic) + len(m.CorrelationData)
	for i := range m.UserProperties {
		size += len(m.UserProperties[i].Name) + len(m.UserProperties[i].Value)
	}
	return int64(size)
}

func checkWelcome(w *sluicev1.Welcome) error {
	if version := w.GetProtocolVersion(); version > protocolVersion {
		return status.Error(codes.FailedPrecondition,
			fmt.Sprintf("the gateway chose protocol version %d; this worker speaks version %d", version, protocolVersion))
	}
	return nil
}
