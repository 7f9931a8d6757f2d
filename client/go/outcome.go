package sluice

import (
	"errors"
	"time"
)

// Outcome is what became of a message.
type Outcome uint8

// The outcomes of the protocol, with its numbers.
const (
	// OutcomeAck: done.
	OutcomeAck Outcome = iota
	// OutcomeRetry: again later, here or on another worker.
	OutcomeRetry
	// OutcomeReject: never again, to the dead letters.
	OutcomeReject
	// OutcomeDrop: done, on purpose without effect.
	OutcomeDrop
)

// String returns "ack", "retry", "reject" or "drop".
func (o Outcome) String() string {
	switch o {
	case OutcomeAck:
		return "ack"
	case OutcomeRetry:
		return "retry"
	case OutcomeReject:
		return "reject"
	case OutcomeDrop:
		return "drop"
	default:
		return "unknown"
	}
}

// OutcomeOf returns what a handler's error means: nil is an ACK, an error that is or wraps a *RetryError, *RejectError
// or *DropError is that, and any other is a RETRY. For middleware that counts or traces.
func OutcomeOf(err error) Outcome { return settlementOf(nil, err).outcome }

// settlement is what a handler came to.
type settlement struct {
	outcome    Outcome
	reason     string
	retryAfter time.Duration
	replies    []Reply
}

// settlementOf: an error that wraps one of the three gives its whole text as the reason, with what the handler's
// callers have put around it.
func settlementOf(replies []Reply, err error) settlement {
	if err == nil {
		return settlement{replies: replies}
	}
	if retry := (*RetryError)(nil); errors.As(err, &retry) {
		return settlement{OutcomeRetry, err.Error(), retry.After, replies}
	}
	if reject := (*RejectError)(nil); errors.As(err, &reject) {
		return settlement{OutcomeReject, err.Error(), 0, replies}
	}
	if drop := (*DropError)(nil); errors.As(err, &drop) {
		return settlement{OutcomeDrop, err.Error(), 0, replies}
	}
	return settlement{outcome: OutcomeRetry, reason: err.Error()}
}
