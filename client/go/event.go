package sluice

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// EventKind says what happened to a connection.
type EventKind uint8

// The kinds of events. None is raised per message, save the last two: EventItemRefused at most
// once a second and stream.
const (
	// EventConnected: a gateway has accepted the worker.
	EventConnected EventKind = iota
	// EventDisconnected: a stream that was connected has ended. Err says why; nil: as agreed.
	EventDisconnected
	// EventConnectFailed: no connection, or the gateway refused the worker; Err says why.
	EventConnectFailed
	// EventChainRefused: connected, but the gateway delivers nothing from the chain named in Text.
	EventChainRefused
	// EventDraining: the gateway, or this worker, takes leave; what is in work is finished first.
	EventDraining
	// EventResolveFailed: a name cannot be looked up; the addresses known so far stay in use.
	EventResolveFailed
	// EventItemRefused: the gateway did not accept a settle or a reply, or the SDK could not send it.
	EventItemRefused
	// EventHandlerPanicked: a handler panicked, and its message is to be retried. Err is a *PanicError. Raised for each.
	EventHandlerPanicked
)

// String returns the kind's name: "connect_failed".
func (k EventKind) String() string {
	names := [...]string{"connected", "disconnected", "connect_failed", "chain_refused", "draining", "resolve_failed", "item_refused", "handler_panicked"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Event is something in the life of a connection.
type Event struct {
	Kind EventKind
	// Address is "192.0.2.7:7443" or, for EventResolveFailed, the name. Empty where the whole worker is meant.
	Address string
	// Err is nil unless the kind says otherwise. grpc's status.Code tells its code.
	Err error
	// RetryIn says when the next attempt follows; negative: none.
	RetryIn time.Duration
	// Text is one line for people that says all of the above.
	Text string
}

// LogEvents returns a listener that writes each event's text to the logger: failures as warnings, the rest as
// information. A nil logger is slog.Default(), asked for each event.
func LogEvents(logger *slog.Logger) func(Event) {
	return func(event Event) {
		to := logger
		if to == nil {
			to = slog.Default()
		}
		level := slog.LevelInfo
		switch event.Kind {
		case EventConnectFailed, EventChainRefused, EventResolveFailed, EventItemRefused:
			level = slog.LevelWarn
		case EventDisconnected:
			if event.Err != nil {
				level = slog.LevelWarn
			}
		}
		attributes := []slog.Attr{slog.String("event", event.Kind.String())}
		if panicked := (*PanicError)(nil); errors.As(event.Err, &panicked) {
			level = slog.LevelError
			attributes = append(attributes, slog.String("stack", string(panicked.Stack)))
		}
		to.LogAttrs(context.Background(), level, "sluice: "+event.Text, attributes...)
	}
}
