package sluice

import "context"

// Handler works on one message. What it returns becomes of it:
//
//	nil, nil        ACK, no reply
//	replies, nil    ACK; the replies are published in their order, when and only if the gateway accepts it
//	_, err          RETRY with err's text as the reason; [Retry], [RetryAfter], [Reject] and [Drop] say it exactly
//
// A panic is a RETRY with its text. As many handlers run at once as [WithConcurrency] says, so what they share they
// must guard.
//
// ctx ends when the stream ends or the gateway gives the message to another worker (its cause is then [ErrAbandoned]):
// what the handler returns after that is without effect. A drain does not end it.
type Handler func(ctx context.Context, m *Message) (Replies, error)

// Middleware wraps a handler: for logs, metrics, traces, time limits.
type Middleware func(next Handler) Handler

// Chain puts middleware around a handler. The first is the outermost.
func Chain(handler Handler, middleware ...Middleware) Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		handler = middleware[i](handler)
	}
	return handler
}
