// Package sluiceotel traces the messages of a Sluice worker with OpenTelemetry.
//
//	worker, err := sluice.NewWorker(gateways, chains, handler, sluice.WithMiddleware(sluiceotel.Middleware()))
//
// It depends on OpenTelemetry's API only. Where spans go is set up by the program, as always.
package sluiceotel

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"sluice.dev/client/go"
)

const scope = "sluice.dev/client/go/sluiceotel"

// Option sets something on the middleware.
type Option func(*config)

type config struct {
	provider   trace.TracerProvider
	propagator propagation.TextMapPropagator
	inject     bool
}

// WithTracerProvider gives spans to this provider instead of OpenTelemetry's global one.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *config) { c.provider = provider }
}

// WithPropagator reads and writes the trace's context in another way than the user properties `traceparent` and
// `tracestate`.
func WithPropagator(propagator propagation.TextMapPropagator) Option {
	return func(c *config) { c.propagator = propagator }
}

// WithReplies puts the trace's context into the user properties of the replies that the handler returns. Those sent by
// [sluice.Message.Send] are the handler's own: see [Inject].
func WithReplies() Option { return func(c *config) { c.inject = true } }

// Middleware gives each message a span of the kind consumer, named "process CHAIN", with the semantic conventions'
// attributes for messaging. It continues the trace that the message's user properties name. The handler's context
// carries it. A RETRY and a REJECT, and a panic, are the span's errors.
func Middleware(with ...Option) sluice.Middleware {
	c := config{propagator: propagation.TraceContext{}}
	for _, option := range with {
		option(&c)
	}
	if c.provider == nil {
		c.provider = otel.GetTracerProvider()
	}
	tracer := c.provider.Tracer(scope, trace.WithInstrumentationVersion(sluice.Version))
	return func(next sluice.Handler) sluice.Handler {
		return func(ctx context.Context, m *sluice.Message) (replies sluice.Replies, err error) {
			ctx = c.propagator.Extract(ctx, received{m})
			ctx, span := tracer.Start(ctx, "process "+m.Chain, trace.WithSpanKind(trace.SpanKindConsumer),
				trace.WithAttributes(attributes(m)...))
			returned := false
			defer func() {
				if !returned {
					span.SetStatus(codes.Error, "the handler panicked")
				}
				span.End()
			}()
			replies, err = next(ctx, m)
			returned = true
			outcome := sluice.OutcomeOf(err)
			span.SetAttributes(attribute.String("sluice.outcome", outcome.String()), attribute.Int("sluice.replies", len(replies)))
			if outcome == sluice.OutcomeRetry || outcome == sluice.OutcomeReject {
				span.SetAttributes(attribute.String("error.type", outcome.String()))
				span.SetStatus(codes.Error, err.Error())
			}
			if c.inject {
				for i := range replies {
					c.propagator.Inject(ctx, sent{&replies[i]})
				}
			}
			return replies, err
		}
	}
}

func attributes(m *sluice.Message) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "sluice"),
		attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", m.Topic),
		attribute.String("messaging.message.id", m.MessageID),
		attribute.Int("messaging.message.body.size", len(m.Payload)),
		attribute.String("sluice.chain", m.Chain),
		attribute.String("sluice.route", m.Route),
		attribute.Int64("sluice.attempt", int64(m.Attempt)),
		attribute.String("sluice.delivery_id", fmt.Sprint(m.DeliveryID)),
	}
}

// Inject puts the trace of ctx into the user properties of a reply, in place of one that is there.
func Inject(ctx context.Context, reply *sluice.Reply) {
	propagation.TraceContext{}.Inject(ctx, sent{reply})
}

// received reads a message's user properties.
type received struct{ message *sluice.Message }

func (r received) Get(key string) string { return r.message.UserProperty(key) }

func (r received) Set(string, string) {}

func (r received) Keys() []string {
	keys := make([]string, 0, len(r.message.UserProperties))
	for _, property := range r.message.UserProperties {
		keys = append(keys, property.Name)
	}
	return keys
}

// sent writes a reply's.
type sent struct{ reply *sluice.Reply }

func (s sent) Get(key string) string {
	for _, property := range s.reply.UserProperties {
		if property.Name == key {
			return property.Value
		}
	}
	return ""
}

func (s sent) Set(key, value string) {
	// A slice of its own: the handler may have given the message's.
	properties := make([]sluice.UserProperty, 0, len(s.reply.UserProperties)+1)
	for _, property := range s.reply.UserProperties {
		if property.Name != key {
			properties = append(properties, property)
		}
	}
	s.reply.UserProperties = append(properties, sluice.UserProperty{Name: key, Value: value})
}

func (s sent) Keys() []string { return nil }
