package sluice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluicetest"
	"sluice.dev/client/go/sluicev1"
)

func TestAHandlersAnswerSettlesTheDelivery(t *testing.T) {
	cases := []struct {
		name    string
		handler sluice.Handler
		outcome sluicev1.Outcome
		reason  string
		replies int
	}{
		{"nothing", func(context.Context, *sluice.Message) (sluice.Replies, error) { return nil, nil },
			sluicev1.Outcome_OUTCOME_ACK, "", 0},
		{"replies", func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
			return sluice.Replies{{Topic: "a", Payload: m.Payload, QoS: &m.QoS}, {Topic: "b"}}, nil
		}, sluicev1.Outcome_OUTCOME_ACK, "", 2},
		{"error", func(context.Context, *sluice.Message) (sluice.Replies, error) {
			return sluice.Replies{{Topic: "a"}}, errors.New("no luck")
		}, sluicev1.Outcome_OUTCOME_RETRY, "no luck", 0},
		{"retry", func(context.Context, *sluice.Message) (sluice.Replies, error) {
			return nil, sluice.RetryAfter(1500*time.Millisecond, "later")
		}, sluicev1.Outcome_OUTCOME_RETRY, "later", 0},
		{"wrapped reject with a reply", func(context.Context, *sluice.Message) (sluice.Replies, error) {
			return sluice.Replies{{Topic: "why"}}, fmt.Errorf("decode: %w", sluice.Reject("no JSON"))
		}, sluicev1.Outcome_OUTCOME_REJECT, "decode: no JSON", 1},
		{"drop", func(context.Context, *sluice.Message) (sluice.Replies, error) { return nil, sluice.Drop("old") },
			sluicev1.Outcome_OUTCOME_DROP, "old", 0},
		{"panic", func(context.Context, *sluice.Message) (sluice.Replies, error) { panic("at the disco") },
			sluicev1.Outcome_OUTCOME_RETRY, "panic: at the disco", 0},
	}
	for _, concurrency := range []int{0, 4} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, concurrency %d", c.name, concurrency), func(t *testing.T) {
				g := sluicetest.NewGateway(t)
				sluicetest.Run(t, g, c.handler, sluice.WithConcurrency(concurrency))
				stream := g.Stream()
				settle := stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{Topic: "t", Payload: []byte("p"), Qos: 1}))
				if settle.GetOutcome() != c.outcome || settle.GetReason() != c.reason || len(settle.GetReplies()) != c.replies {
					t.Fatalf("settled with %v", settle)
				}
				if c.name == "retry" && settle.GetRetryAfterMs() != 1500 {
					t.Fatalf("to be retried after %d ms", settle.GetRetryAfterMs())
				}
				if c.name == "replies" && (string(settle.Replies[0].Payload) != "p" || settle.Replies[0].GetQos() != 1 ||
					settle.Replies[1].Qos != nil) {
					t.Fatalf("replied with %v", settle)
				}
			})
		}
	}
}

func TestAReasonIsCutBetweenTwoCharacters(t *testing.T) {
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(context.Context, *sluice.Message) (sluice.Replies, error) {
		return nil, sluice.Reject("\xff" + strings.Repeat("ä", 600))
	})
	stream := g.Stream()
	settle := stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{}))
	if want := "?" + strings.Repeat("ä", 511); settle.GetReason() != want {
		t.Fatalf("the reason has %d bytes: %q", len(settle.GetReason()), settle.GetReason())
	}
}

func TestAHandlersContextEndsWhenTheDeliveryIsLost(t *testing.T) {
	causes := make(chan error, 2)
	handler := func(ctx context.Context, _ *sluice.Message) (sluice.Replies, error) {
		within, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		<-within.Done()
		causes <- context.Cause(within)
		return sluice.Replies{{Topic: "late"}}, nil
	}
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, handler)
	stream := g.NextStream()
	revoked := stream.Deliver(&sluicev1.Delivery{})
	stream.ExpectBegan(revoked)
	stream.Revoke(revoked, sluicev1.Revoke_REASON_LEASE_ENDED)
	if err := <-causes; !errors.Is(err, sluice.ErrAbandoned) {
		t.Fatalf("the context of a revoked delivery ended with %v", err)
	}
	begun := stream.Deliver(&sluicev1.Delivery{})
	stream.ExpectBegan(begun)
	stream.Lose()
	if err := <-causes; !errors.Is(err, sluice.ErrAbandoned) {
		t.Fatalf("the context of a lost stream ended with %v", err)
	}
	g.NextStream()
	if settles := stream.Settles(revoked); len(settles) != 0 {
		t.Fatalf("a revoked delivery was settled: %v", settles)
	}
}

func TestALeaseIsExtendedAtItsHalfWhileTheHandlerRuns(t *testing.T) {
	release := make(chan struct{})
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(context.Context, *sluice.Message) (sluice.Replies, error) {
		<-release
		return nil, nil
	})
	stream := g.Stream()
	id := stream.Deliver(&sluicev1.Delivery{LeaseMs: 400})
	for range 2 {
		if extend := stream.ExpectExtend(); extend.GetDeliveryId() != id || extend.GetLeaseMs() != 400 {
			t.Fatalf("extended: %v", extend)
		}
	}
	close(release)
	stream.ExpectSettle(id)
}

func TestRepliesAheadOfTheSettleKeepTheirOrder(t *testing.T) {
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(ctx context.Context, m *sluice.Message) (sluice.Replies, error) {
		large := sluice.Reply{Topic: "2", Payload: make([]byte, 100_000)}
		if err := m.Send(ctx, sluice.Reply{Topic: "1"}, large, sluice.Reply{Topic: "3", CorrelationData: []byte{}}); err != nil {
			return nil, err
		}
		return nil, m.Send(ctx, sluice.Reply{Topic: "too large", Payload: make([]byte, 5<<20)})
	})
	stream := g.Stream()
	id := stream.Deliver(&sluicev1.Delivery{})
	for _, topic := range []string{"1", "2", "3"} {
		if reply := stream.ExpectReply(); reply.GetTopic() != topic || reply.GetDeliveryId() != id {
			t.Fatalf("got the reply to %s of delivery %d", reply.GetTopic(), reply.GetDeliveryId())
		}
	}
	if settle := stream.ExpectSettle(id); !strings.Contains(settle.GetReason(), "larger than the gateway takes") {
		t.Fatalf("settled with %v", settle)
	}
}

func TestADrainFinishesWhatIsInWork(t *testing.T) {
	release := make(chan struct{})
	g := sluicetest.NewGateway(t)
	worker := sluicetest.Run(t, g, func(ctx context.Context, _ *sluice.Message) (sluice.Replies, error) {
		<-release
		return nil, ctx.Err()
	})
	stream := g.Stream()
	id := stream.Deliver(&sluicev1.Delivery{})
	stream.ExpectBegan(id)
	worker.Drain()
	stream.ExpectDrain()
	close(release)
	stream.ExpectHalfClose()
	if settle := stream.ExpectSettle(id); settle.GetOutcome() != sluicev1.Outcome_OUTCOME_ACK {
		t.Fatalf("settled with %v", settle)
	}
}

func TestAGatewaysDrainConnectsAgainBesideTheOldStream(t *testing.T) {
	release := make(chan struct{})
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
		if m.Topic == "wait" {
			<-release
		}
		return nil, nil
	})
	old := g.NextStream()
	id := old.Deliver(&sluicev1.Delivery{Topic: "wait"})
	old.ExpectBegan(id)
	old.Drain("moving")
	fresh := g.NextStream()
	fresh.ExpectSettle(fresh.Deliver(&sluicev1.Delivery{}))
	close(release)
	old.ExpectSettle(id)
	old.ExpectHalfClose()
}

func TestALostStreamIsConnectedAgain(t *testing.T) {
	g := sluicetest.NewGateway(t)
	g.Refuse(status.Error(codes.Unavailable, "not yet"))
	events := make(chan sluice.Event, 100)
	sluicetest.Run(t, g, func(context.Context, *sluice.Message) (sluice.Replies, error) { return nil, nil },
		sluice.WithOnEvent(func(event sluice.Event) { events <- event }))
	for range 3 {
		event := <-events
		if event.Kind != sluice.EventConnectFailed || status.Code(event.Err) != codes.Unavailable || event.RetryIn <= 0 {
			t.Fatalf("heard of %+v", event)
		}
	}
	g.Refuse(nil)
	g.NextStream().Lose()
	g.NextStream()
}

func TestRunReturnsWhatItCameTo(t *testing.T) {
	quiet := []sluice.Option{sluice.WithSecurity(sluice.SecurityPlaintext), sluice.WithOnEvent(nil)}
	g := sluicetest.NewGateway(t)
	start := func(handler sluice.Handler, with ...sluice.Option) (*sluice.Worker, chan error) {
		worker, err := sluice.NewWorker([]string{g.Address()}, []string{"test"}, handler, append(quiet, with...)...)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- worker.Run(context.Background()) }()
		return worker, ended
	}
	waits := func(ctx context.Context, _ *sluice.Message) (sluice.Replies, error) {
		<-ctx.Done()
		return nil, nil
	}
	worker, ended := start(waits)
	stream := g.NextStream()
	stream.ExpectBegan(stream.Deliver(&sluicev1.Delivery{}))
	worker.Stop()
	if err := <-ended; err != sluice.ErrStopped {
		t.Fatalf("a stopped worker returned %v", err)
	}
	if err := worker.Run(context.Background()); err != sluice.ErrRan {
		t.Fatalf("the second Run returned %v", err)
	}
	worker, ended = start(waits, sluice.WithDrainTimeout(10*time.Millisecond))
	stream = g.NextStream()
	stream.ExpectBegan(stream.Deliver(&sluicev1.Delivery{}))
	worker.Drain()
	if err := <-ended; err != sluice.ErrDrainTimeout {
		t.Fatalf("a worker that could not drain returned %v", err)
	}
	worker, err := sluice.NewWorker([]string{"localhost:1"}, []string{"test"}, waits, quiet...)
	if err != nil {
		t.Fatal(err)
	}
	worker.Drain()
	if err := worker.Run(context.Background()); err != nil {
		t.Fatalf("a worker that was drained before returned %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	handler := func(context.Context, *sluice.Message) (sluice.Replies, error) { return nil, nil }
	cases := []struct {
		option   string
		gateways []string
		chains   []string
		with     sluice.Option
	}{
		{option: "gateways", gateways: []string{}},
		{option: "gateways", gateways: []string{"a:b:c"}},
		{option: "gateways", gateways: []string{"a:0"}},
		{option: "chains", chains: []string{}},
		{option: "chains", chains: []string{""}},
		{option: "worker_name", with: sluice.WithWorkerName(strings.Repeat("x", 257))},
		{option: "window_messages", with: sluice.WithWindowMessages(0)},
		{option: "window_bytes", with: sluice.WithWindowBytes(-1)},
		{option: "concurrency", with: sluice.WithConcurrency(4097)},
		{option: "lease", with: sluice.WithLease(-1)},
		{option: "resolve_interval", with: sluice.WithResolveInterval(time.Millisecond)},
		{option: "reconnect_longest", with: sluice.WithReconnect(time.Second, time.Millisecond)},
		{option: "drain_timeout", with: sluice.WithDrainTimeout(25 * time.Hour)},
		{option: "tls.ca_file", with: sluice.WithTLS(sluice.TLS{CAFile: "/does/not/exist"})},
		{option: "tls", with: sluice.WithTLS(sluice.TLS{CertFile: "/a"})},
	}
	for _, c := range cases {
		gateways, chains, with := []string{"localhost"}, []string{"test"}, []sluice.Option{}
		if c.gateways != nil {
			gateways = c.gateways
		}
		if c.chains != nil {
			chains = c.chains
		}
		if c.with != nil {
			with = append(with, c.with)
		}
		_, err := sluice.NewWorker(gateways, chains, handler, with...)
		if bad := (*sluice.OptionError)(nil); !errors.As(err, &bad) || bad.Option != c.option {
			t.Errorf("%s: %v", c.option, err)
		}
	}
}
