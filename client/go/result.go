package sluice

import "strconv"

// ResultCode is what became of a reply, or what is wrong with an item.
type ResultCode uint8

// The codes of the protocol, with its numbers.
const (
	// ResultOK: confirmed by the broker (QoS 1, 2), written to it (QoS 0), or without a topic and so not sent.
	ResultOK ResultCode = iota
	// ResultStale: the delivery was not in flight any more; nothing was done.
	ResultStale
	ResultInvalid
	ResultInvalidTopic
	ResultInvalidQoS
	ResultDenied
	ResultTooLarge
	// ResultTimeout: not confirmed within the gateway's `replies.resultTimeout`; it goes on trying.
	ResultTimeout
	// ResultRefused by the broker: see MQTTReasonCode.
	ResultRefused
	ResultNotConnected
	// ResultNotPublished: its settle was a RETRY.
	ResultNotPublished
	// ResultClipped: a lease cannot be extended any further. The SDK takes care of it.
	ResultClipped
	// ResultExpired: its expiry was over before it could be published.
	ResultExpired
	// ResultUnknown is a code that this SDK does not know: a failure.
	ResultUnknown ResultCode = 255
)

var resultNames = [...]string{"OK", "STALE", "INVALID", "INVALID_TOPIC", "INVALID_QOS", "DENIED", "TOO_LARGE", "TIMEOUT",
	"REFUSED", "NOT_CONNECTED", "NOT_PUBLISHED", "CLIPPED", "EXPIRED"}

// String returns the protocol's name without its prefix: "NOT_CONNECTED".
func (c ResultCode) String() string {
	if int(c) < len(resultNames) {
		return resultNames[c]
	}
	return "UNKNOWN"
}

// Result is what became of one reply that had an id, or of an item that was in error (ReplyID 0).
type Result struct {
	ReplyID    uint64
	DeliveryID uint64
	Code       ResultCode
	// MQTTReasonCode is the broker's, with ResultRefused (MQTT 5.0 §2.4); else 0.
	MQTTReasonCode uint32
	// Message is for people.
	Message string
}

func (r *Result) text() string {
	if r.Message != "" {
		return r.Message
	}
	return "delivery " + strconv.FormatUint(r.DeliveryID, 10) + ": " + r.Code.String()
}
