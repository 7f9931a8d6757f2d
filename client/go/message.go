package sluice

import (
	"context"
	"time"
)

// DataType says how the route wants a payload to be read. Nobody has checked that it can be.
type DataType uint8

// The data types of the protocol. RuleGo takes DataTypeUnspecified for JSON.
const (
	DataTypeUnspecified DataType = iota
	DataTypeJSON
	DataTypeText
	DataTypeBinary
)

// String returns "unspecified", "json", "text" or "binary".
func (t DataType) String() string {
	switch t {
	case DataTypeJSON:
		return "json"
	case DataTypeText:
		return "text"
	case DataTypeBinary:
		return "binary"
	default:
		return "unspecified"
	}
}

// UserProperty is an MQTT 5 user property. The same name may come several times; order is kept.
type UserProperty struct {
	Name, Value string
}

// Message is one attempt at one MQTT message.
//
// It may be kept for as long as you like. Its strings and bytes are views into the frame it came in, so that a kept
// one keeps the memory of up to a whole frame; clone a small part that is to live long. Changing Payload changes
// nothing but this message.
type Message struct {
	// DeliveryID names this attempt on this stream. Never 0.
	DeliveryID uint64
	// MessageID names the message: it is the same in every attempt. What a worker that must not act twice remembers.
	MessageID string
	// Route and Chain it came through.
	Route string
	Chain string
	// StartNode is the node of the chain to start at; empty: the first.
	StartNode string
	// Topic it was published to (not the filter).
	Topic   string
	Payload []byte
	// QoS is 0, 1 or 2.
	QoS    byte
	Retain bool
	// Dup is the PUBLISH's flag: the broker may have sent it before.
	Dup      bool
	DataType DataType
	// Received says when the gateway took it in, by the gateway's clock.
	Received time.Time
	// Age says how long it had been in the gateway when the frame was made: free of clock differences.
	Age time.Duration
	// Lease is how long the gateway waits for the outcome. The SDK extends it for as long as the handler runs.
	Lease time.Duration
	// Attempt is 1 for the first.
	Attempt uint32
	// OrderingKey: messages of one chain with an equal non-empty key come one after the other. Empty: in no order.
	OrderingKey string

	// ContentType and what follows is MQTT 5 (§3.3.2.3); empty where the publisher gave none.
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	UserProperties  []UserProperty
	// Expiry is what was left before the message expires; nil: it never does.
	Expiry *time.Duration
	// Metadata is what the route's `headersToMetadata` made of the user properties. Nil where it made nothing.
	Metadata map[string]string

	expiry   time.Duration // What Expiry points to.
	delivery *delivery     // Nil in a message that no stream has brought.
}

// UserProperty returns the value of the first user property of that name, or "".
func (m *Message) UserProperty(name string) string {
	for i := range m.UserProperties {
		if m.UserProperties[i].Name == name {
			return m.UserProperties[i].Value
		}
	}
	return ""
}

// Send publishes replies now, ahead of the handler's return. Their order is kept. It waits while more than
// [WithSendBufferBytes] are unsent; with [WithConcurrency](0) it cannot wait, and returns [ErrSendBufferFull].
//
// Any goroutine may call it while the handler runs. Other errors: that of ctx; [ErrAbandoned] when nobody waits for the
// message's outcome any more; [ErrNotSendable] for a reply that is larger than the gateway takes or not UTF-8. The
// replies before one that is in error have been sent.
func (m *Message) Send(ctx context.Context, replies ...Reply) error {
	if m.delivery == nil {
		return ErrAbandoned
	}
	for i := range replies {
		if err := m.delivery.send(ctx, &replies[i]); err != nil {
			return err
		}
	}
	return nil
}
