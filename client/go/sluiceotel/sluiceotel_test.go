package sluiceotel_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluiceotel"
	"sluice.dev/client/go/sluicetest"
	"sluice.dev/client/go/sluicev1"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestAMessagesSpanContinuesItsTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(ctx context.Context, m *sluice.Message) (sluice.Replies, error) {
		if m.Topic == "bad" {
			return nil, sluice.Reject("no reading")
		}
		if m.Topic == "panic" {
			panic("no reading")
		}
		early := sluice.Reply{Topic: "early"}
		sluiceotel.Inject(ctx, &early)
		return sluice.Replies{{Topic: "t", UserProperties: m.UserProperties}}, m.Send(ctx, early)
	}, sluice.WithMiddleware(sluiceotel.Middleware(sluiceotel.WithTracerProvider(provider), sluiceotel.WithReplies())))
	stream := g.Stream()
	properties := []*sluicev1.UserProperty{{Name: "k", Value: "v"}, {Name: "traceparent", Value: parent}}
	settle := stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{Topic: "good", UserProperties: properties}))
	span := spans.Ended()[0]
	if span.Name() != "process test" || span.SpanKind() != api.SpanKindConsumer || span.Parent().SpanID().String() != "b7ad6b7169203331" {
		t.Fatalf("the span is %s of kind %v, with the parent %v", span.Name(), span.SpanKind(), span.Parent())
	}
	want := "00-0af7651916cd43dd8448eb211c80319c-" + span.SpanContext().SpanID().String() + "-01"
	got := settle.GetReplies()[0].GetUserProperties()
	if len(got) != 2 || got[0].GetName() != "k" || got[1].GetValue() != want {
		t.Fatalf("the reply has %v, wanted %s", got, want)
	}
	if early := stream.ExpectReply().GetUserProperties(); len(early) != 1 || early[0].GetValue() != want {
		t.Fatalf("the reply ahead has %v, wanted %s", early, want)
	}
	for i, topic := range []string{"bad", "panic"} {
		stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{Topic: topic}))
		if span := spans.Ended()[i+1]; span.Status().Code != codes.Error || span.Parent().IsValid() {
			t.Fatalf("the span of a failure has the status %v and the parent %v", span.Status(), span.Parent())
		}
	}
}
