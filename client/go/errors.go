package sluice

import (
	"errors"
	"fmt"
	"time"
)

// What Run and RunUntilSignal return besides nil and an *OptionError.
var (
	// ErrStopped: Stop was called.
	ErrStopped = errors.New("sluice: stopped")
	// ErrDrainTimeout: not everything in work was settled within [WithDrainTimeout]. What is left is delivered again.
	ErrDrainTimeout = errors.New("sluice: not everything in work was settled within the drain timeout")
	// ErrRan: a Worker runs once; make a new one.
	ErrRan = errors.New("sluice: Run was called before; make a new Worker")
)

// What [Message.Send] returns besides nil and its context's error, and the cause of a handler's context that ended.
var (
	// ErrAbandoned: nobody waits for the outcome any more, because the stream has ended or the gateway gave the
	// message to another worker. It is also what [context.Cause] says of a handler's context that ended for that
	// reason.
	ErrAbandoned = errors.New("sluice: the delivery is lost: the message will be delivered again")
	// ErrSendBufferFull: with WithConcurrency(0), too much waits to be sent.
	ErrSendBufferFull = errors.New("sluice: too much is waiting to be sent")
	// ErrNotSendable: the reply cannot be put into a frame; the text says why.
	ErrNotSendable = errors.New("sluice: the reply cannot be sent")
)

// errReturned is the cause of a handler's context after the handler.
var errReturned = errors.New("sluice: the handler has returned")

// OptionError says which option is wrong, what was found and what is allowed.
type OptionError struct {
	// Option is its name: "gateways", "window_messages".
	Option string
	// Problem is a sentence without subject: "is 0: nothing would ever be delivered".
	Problem string
}

// Error returns the option and the problem.
func (e *OptionError) Error() string { return "sluice: " + e.Option + " " + e.Problem }

func badOption(option, format string, arguments ...any) error {
	return &OptionError{Option: option, Problem: fmt.Sprintf(format, arguments...)}
}

// RetryError is a handler's wish to have the message delivered again, here or on another worker. It uses an attempt;
// after the chain's `maxAttempts` the message goes to the dead letters. Any error that is none of the three types here
// is taken as one, with its text as the reason. Replies beside it are not published: the next attempt brings its own.
type RetryError struct {
	// Reason is for people and dead letters; the gateway keeps the first 1,024 bytes. Empty: Err's text.
	Reason string
	// After: not before this has passed. 0 leaves the pause to the gateway. At most an hour.
	After time.Duration
	// Err is what led to it, if anything.
	Err error
}

// RejectError sends the message to the dead letters at once. Replies beside it are published.
type RejectError struct {
	// Reason is for people and dead letters; the gateway keeps the first 1,024 bytes. Empty: Err's text.
	Reason string
	// Err is what led to it, if anything.
	Err error
}

// DropError ends the message, on purpose without effect; it is counted apart from an ACK. Replies beside it are
// published.
type DropError struct {
	// Reason is for people; the gateway keeps the first 1,024 bytes. Empty: Err's text.
	Reason string
	// Err is what led to it, if anything.
	Err error
}

// Retry asks for the message again, after the gateway's own pause.
func Retry(reason string) error { return &RetryError{Reason: reason} }

// RetryAfter asks for the message again, not before `after` has passed.
func RetryAfter(after time.Duration, reason string) error {
	return &RetryError{Reason: reason, After: after}
}

// Reject sends the message to the dead letters.
func Reject(reason string) error { return &RejectError{Reason: reason} }

// Drop ends the message without effect.
func Drop(reason string) error { return &DropError{Reason: reason} }

func reasonText(reason string, err error) string {
	if reason == "" && err != nil {
		return err.Error()
	}
	return reason
}

// Error returns the reason.
func (e *RetryError) Error() string { return reasonText(e.Reason, e.Err) }

// Error returns the reason.
func (e *RejectError) Error() string { return reasonText(e.Reason, e.Err) }

// Error returns the reason.
func (e *DropError) Error() string { return reasonText(e.Reason, e.Err) }

// Unwrap returns Err.
func (e *RetryError) Unwrap() error { return e.Err }

// Unwrap returns Err.
func (e *RejectError) Unwrap() error { return e.Err }

// Unwrap returns Err.
func (e *DropError) Unwrap() error { return e.Err }
