package sluice_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluicetest"
	"sluice.dev/client/go/sluicev1"
)

func acks(context.Context, *sluice.Message) (sluice.Replies, error) { return nil, nil }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// authority signs certificates and keeps them in files of a folder.
type authority struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{folder: t.TempDir(), key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	encoded := must(x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key))
	a.certificate = must(x509.ParseCertificate(encoded))
	a.write("ca.pem", "CERTIFICATE", encoded)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.folder, name) }

func (a *authority) write(name, kind string, content []byte) {
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		panic(err)
	}
}

// issue writes NAME.crt and NAME.key for a DNS name.
func (a *authority) issue(name string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv6loopback},
		NotAfter:    time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	a.write(name+".crt", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)))
	a.write(name+".key", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	return must(tls.LoadX509KeyPair(a.path(name+".crt"), a.path(name+".key")))
}

func TestCertificatesAreReadAnewForEachConnection(t *testing.T) {
	a := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	g := sluicetest.NewGateway(t, sluicetest.WithCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{a.issue("gateway")}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert})))
	a.issue("worker")
	files := sluice.TLS{CAFile: a.path("ca.pem"), CertFile: a.path("worker.crt"), KeyFile: a.path("worker.key"), ServerName: "gateway"}
	stranger := newAuthority(t)
	stranger.issue("worker")
	for _, name := range []string{"worker.crt", "worker.key"} {
		if err := os.WriteFile(a.path(name), must(os.ReadFile(stranger.path(name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	failed := make(chan sluice.Event, 100)
	sluicetest.Run(t, g, acks, sluice.WithSecurity(sluice.SecurityTLS), sluice.WithTLS(files), sluice.WithOnEvent(func(e sluice.Event) {
		if e.Kind == sluice.EventConnectFailed {
			failed <- e
		}
	}))
	if event := <-failed; status.Code(event.Err) != codes.Unavailable {
		t.Fatalf("a stranger's certificate: %v", event.Text)
	}
	a.issue("worker") // Now one that the gateway knows.
	stream := g.NextStream()
	stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{}))
}

func TestAGatewayOfAnotherNameIsRefused(t *testing.T) {
	a := newAuthority(t)
	g := sluicetest.NewGateway(t, sluicetest.WithCredentials(credentials.NewServerTLSFromCert(new(a.issue("gateway")))))
	events := make(chan sluice.Event, 100)
	sluicetest.Run(t, g, acks, sluice.WithSecurity(sluice.SecurityTLS), sluice.WithTLS(sluice.TLS{CAFile: a.path("ca.pem"), ServerName: "other"}),
		sluice.WithOnEvent(func(e sluice.Event) { events <- e }))
	if event := <-events; event.Kind != sluice.EventConnectFailed || !strings.Contains(event.Text, "other") {
		t.Fatalf("heard of %v: %s", event.Kind, event.Text)
	}
}

func TestAnIPv6AddressIsCheckedAgainstTheCertificate(t *testing.T) {
	if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		_ = probe.Close()
	}
	a := newAuthority(t)
	g := sluicetest.NewGateway(t, sluicetest.WithAddress("[::1]:0"),
		sluicetest.WithCredentials(credentials.NewServerTLSFromCert(new(a.issue("gateway")))))
	sluicetest.Run(t, g, acks, sluice.WithSecurity(sluice.SecurityTLS), sluice.WithTLS(sluice.TLS{CAFile: a.path("ca.pem")}))
	stream := g.NextStream()
	if authority := stream.Metadata.Get(":authority"); len(authority) != 1 || authority[0] != g.Address() {
		t.Fatalf("the call is for %q", authority)
	}
}

func TestATokenIsReadAnewForEachConnection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(" first\n")
	g := sluicetest.NewGateway(t)
	events := make(chan sluice.Event, 100)
	sluicetest.Run(t, g, acks, sluice.WithTokenFile(file), sluice.WithOnEvent(func(e sluice.Event) { events <- e }))
	stream := g.NextStream()
	if got := stream.Metadata.Get("authorization"); len(got) != 1 || got[0] != "Bearer first" {
		t.Fatalf("shown: %q", got)
	}
	write("two secret tokens")
	stream.Lose()
	for event := range events {
		if strings.Contains(event.Text, "secret") {
			t.Fatalf("a secret in an event: %s", event.Text)
		}
		if event.Kind == sluice.EventConnectFailed {
			break
		}
	}
	write("second")
	if got := g.NextStream().Metadata.Get("authorization"); len(got) != 1 || got[0] != "Bearer second" {
		t.Fatalf("shown: %q", got)
	}
}

func TestAFunctionForTokensIsAskedForEachConnection(t *testing.T) {
	asked := 0
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, acks, sluice.WithToken(func(context.Context) (string, error) {
		switch asked++; asked {
		case 1:
			return "", errors.New("not yet")
		case 2:
			panic("not yet")
		default:
			return "third", nil
		}
	}))
	if got := g.NextStream().Metadata.Get("authorization"); len(got) != 1 || got[0] != "Bearer third" {
		t.Fatalf("shown: %q", got)
	}
}

func TestEachAddressBehindANameHasAStream(t *testing.T) {
	first := sluicetest.NewGateway(t)
	_, port, _ := net.SplitHostPort(first.Address())
	second := sluicetest.NewGateway(t, sluicetest.WithAddress("127.0.0.2:"+port))
	var found atomic.Pointer[[]string]
	found.Store(&[]string{"127.0.0.1"})
	worker, err := sluice.NewWorker([]string{"gateways.test:" + port}, []string{"test"}, acks,
		sluice.WithSecurity(sluice.SecurityPlaintext), sluice.WithResolveInterval(time.Second), sluice.WithOnEvent(nil),
		sluice.WithReconnect(time.Millisecond, 10*time.Millisecond),
		sluice.WithResolver(func(_ context.Context, host string) ([]string, error) {
			if host != "gateways.test" {
				t.Errorf("%s is looked up", host)
			}
			return *found.Load(), nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(context.Background()) }()
	stream := first.NextStream()
	found.Store(&[]string{"127.0.0.2", "::1"})
	other := second.NextStream()
	if streams := worker.Stats().Streams; streams < 1 {
		t.Fatalf("%d streams", streams)
	}
	// The vanished address keeps the stream that it has, and gets no other.
	stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{}))
	stream.Lose()
	other.ExpectSettle(other.Deliver(&sluicev1.Delivery{}))
	worker.Drain()
	if err := <-ended; err != nil || first.StreamCount() != 1 || second.StreamCount() != 1 {
		t.Fatalf("%v, %d and %d streams", err, first.StreamCount(), second.StreamCount())
	}
}

func TestAFatalStatusWaitsTheLongest(t *testing.T) {
	g := sluicetest.NewGateway(t)
	g.Refuse(status.Error(codes.FailedPrecondition, "no such chain"))
	events := make(chan sluice.Event, 10)
	sluicetest.Run(t, g, acks, sluice.WithReconnect(time.Millisecond, time.Hour), sluice.WithOnEvent(func(e sluice.Event) { events <- e }))
	if event := <-events; event.RetryIn < 30*time.Minute || status.Code(event.Err) != codes.FailedPrecondition {
		t.Fatalf("heard of %+v", event)
	}
}

func TestAHandlerThatEndsItsGoroutineIsARetry(t *testing.T) {
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
		if m.Topic == "exit" {
			runtime.Goexit()
		}
		return nil, nil
	}, sluice.WithConcurrency(1))
	stream := g.Stream()
	for range 3 {
		if settle := stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{Topic: "exit"})); settle.GetOutcome() != sluicev1.Outcome_OUTCOME_RETRY {
			t.Fatalf("settled with %v", settle)
		}
	}
	stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{Topic: "go on"}))
}

func TestMiddlewareWrapsTheHandlerTheFirstOutermost(t *testing.T) {
	named := func(name string) sluice.Middleware {
		return func(next sluice.Handler) sluice.Handler {
			return func(ctx context.Context, m *sluice.Message) (sluice.Replies, error) {
				replies, err := next(ctx, m)
				return append(replies, sluice.Reply{Topic: name}), err
			}
		}
	}
	g := sluicetest.NewGateway(t)
	sluicetest.Run(t, g, acks, sluice.WithMiddleware(named("outer"), named("inner")))
	stream := g.Stream()
	replies := stream.ExpectSettle(stream.Deliver(&sluicev1.Delivery{})).GetReplies()
	if len(replies) != 2 || replies[0].GetTopic() != "inner" || replies[1].GetTopic() != "outer" {
		t.Fatalf("replied with %v", replies)
	}
}

func TestManyMessagesAreAllSettledOnce(t *testing.T) {
	const frames, perFrame = 100, 50
	g := sluicetest.NewGateway(t)
	worker := sluicetest.Run(t, g, func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
		return sluice.Replies{{Payload: m.Payload}}, nil
	}, sluice.WithWindowMessages(frames*perFrame))
	stream := g.Stream()
	var ids []uint64
	for range frames {
		deliveries := make([]*sluicev1.Delivery, perFrame)
		for i := range deliveries {
			deliveries[i] = &sluicev1.Delivery{Payload: make([]byte, i)}
		}
		stream.Deliver(deliveries...)
		for _, d := range deliveries {
			ids = append(ids, d.GetDeliveryId())
		}
	}
	for i, id := range ids {
		if settle := stream.ExpectSettle(id); len(settle.GetReplies()[0].GetPayload()) != i%perFrame || len(stream.Settles(id)) != 1 {
			t.Fatalf("delivery %d of %d: %v", i, len(ids), stream.Settles(id))
		}
	}
	if stats := worker.Stats(); stats.Received != frames*perFrame || stats.Streams != 1 {
		t.Fatalf("%+v", stats)
	}
}
