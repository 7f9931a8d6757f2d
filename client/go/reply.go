package sluice

import "time"

// Reply is a message to publish. Where it goes: Topic; else the metadata "responseTopic"; else the message's own
// ResponseTopic; else nowhere, which is no error. With which QoS: QoS; else the metadata "responseQos"; else 0.
type Reply struct {
	// Topic without wildcards, at most 65,535 bytes of UTF-8.
	Topic   string
	Payload []byte
	// QoS is 0, 1 or 2; nil: see above. [QoS] makes one, and &m.QoS is the message's own.
	QoS    *byte
	Retain bool
	// ReplyID is chosen by you. Not 0: [WithOnResult] hears what became of the reply, under this id.
	ReplyID uint64

	// ContentType and what follows is MQTT 5 (§3.3.2.3); the gateway drops it on a connection that speaks 3.1.1.
	ContentType   string
	ResponseTopic string
	// CorrelationData: nil echoes the message's own when the reply goes to the message's ResponseTopic. An empty slice
	// that is not nil is sent as empty.
	CorrelationData []byte
	UserProperties  []UserProperty
	// Expiry counts from when the gateway receives the reply, in whole seconds (rounded up), at least one. Nil: never.
	Expiry *time.Duration
	// Metadata is RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes user
	// properties.
	Metadata map[string]string
}

// Replies are published in their order.
type Replies []Reply

// QoS returns a pointer to the level, for [Reply.QoS].
func QoS(level byte) *byte { return &level }
