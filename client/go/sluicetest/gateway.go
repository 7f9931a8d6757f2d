// Package sluicetest is a gateway for tests of workers and their handlers, in the test's own process.
//
//	gateway := sluicetest.NewGateway(t)
//	sluicetest.Run(t, gateway, myHandler)
//	stream := gateway.Stream()
//	id := stream.Deliver(&sluicev1.Delivery{Topic: "plant/boiler/temp", Payload: []byte("81.5")})
//	settle := stream.ExpectSettle(id)
//
// What is expected is waited for; a test whose gateway waits longer than [Patience] fails. The protocol's own types
// say what comes and goes: see sluice.dev/client/go/sluicev1.
package sluicetest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluicev1"
)

// Patience is how long is waited for what a test expects.
var Patience = 10 * time.Second

// Option sets something on a gateway.
type Option func(*Gateway)

// WithWelcome changes the Welcome that each stream gets. Without it all chains are accepted, a frame may have 4 MiB, a
// heartbeat has 10 s, and the feature "began" is in use when the worker offers it.
func WithWelcome(change func(*sluicev1.Welcome)) Option {
	return func(g *Gateway) { g.welcome = append(g.welcome, change) }
}

// WithCredentials has the gateway speak TLS. Without it: plain text.
func WithCredentials(c credentials.TransportCredentials) Option {
	return func(g *Gateway) { g.serverOptions = append(g.serverOptions, grpc.Creds(c)) }
}

// WithAddress listens there instead of at a free port of 127.0.0.1.
func WithAddress(address string) Option { return func(g *Gateway) { g.listen = address } }

// Gateway on loopback. It ends with its test. Safe for several goroutines, save that what fails the test must be called
// by the test's own.
type Gateway struct {
	sluicev1.UnimplementedWorkerServiceServer
	t             testing.TB
	listen        string
	address       string
	welcome       []func(*sluicev1.Welcome)
	serverOptions []grpc.ServerOption
	server        *grpc.Server

	changes
	refusal error
	streams []*Stream // All there ever were that have said Hello.
	taken   int       // Of these, what NextStream has given.
	ids     uint64
}

// changes lets tests wait for something under mu.
type changes struct {
	mu      sync.Mutex
	changed chan struct{}
}

func (c *changes) change(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// await until `is` is true, under mu. False: patience is over.
func (c *changes) await(is func() bool) bool {
	deadline := time.After(Patience)
	for {
		c.mu.Lock()
		if is() {
			c.mu.Unlock()
			return true
		}
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			return false
		}
	}
}

// NewGateway listens until the test has ended.
func NewGateway(t testing.TB, with ...Option) *Gateway {
	t.Helper()
	g := &Gateway{t: t, listen: "127.0.0.1:0"}
	for _, option := range with {
		option(g)
	}
	listener, err := net.Listen("tcp", g.listen)
	if err != nil {
		t.Fatalf("sluicetest: %v", err)
	}
	g.address = listener.Addr().String()
	g.server = grpc.NewServer(g.serverOptions...)
	sluicev1.RegisterWorkerServiceServer(g.server, g)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = g.server.Serve(listener)
	}()
	t.Cleanup(func() {
		g.server.Stop()
		<-served
	})
	return g
}

// Address to give to a worker: "127.0.0.1:PORT".
func (g *Gateway) Address() string { return g.address }

// Stop ends the gateway before its test ends: its streams are lost, and its address is free.
func (g *Gateway) Stop() { g.server.Stop() }

// Refuse ends each stream that comes from now on with this status instead of a Welcome. Nil accepts them again.
func (g *Gateway) Refuse(err error) { g.change(func() { g.refusal = err }) }

// Stream waits for a stream that works, the newest if there are several.
func (g *Gateway) Stream() *Stream {
	g.t.Helper()
	var found *Stream
	if !g.await(func() bool {
		for _, s := range slices.Backward(g.streams) {
			if !s.isOver() {
				found = s
				return true
			}
		}
		return false
	}) {
		g.t.Fatalf("sluicetest: no stream of a worker within %v", Patience)
	}
	return found
}

// NextStream waits for the first stream that it has not given yet.
func (g *Gateway) NextStream() *Stream {
	g.t.Helper()
	var next *Stream
	if !g.await(func() bool {
		if g.taken == len(g.streams) {
			return false
		}
		next = g.streams[g.taken]
		g.taken++
		return true
	}) {
		g.t.Fatalf("sluicetest: no further stream of a worker within %v", Patience)
	}
	return next
}

// StreamCount is how many streams there have been.
func (g *Gateway) StreamCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.streams)
}

// Work is the protocol's method.
func (g *Gateway) Work(rpc grpc.BidiStreamingServer[sluicev1.WorkerFrame, sluicev1.GatewayFrame]) error {
	first, err := rpc.Recv()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if hello == nil {
		return status.Error(codes.InvalidArgument, "the first frame has no Hello")
	}
	g.mu.Lock()
	refusal := g.refusal
	g.mu.Unlock()
	if refusal != nil {
		return refusal
	}
	welcome := g.welcomeFor(hello)
	if err := rpc.Send(&sluicev1.GatewayFrame{Welcome: welcome}); err != nil {
		return err
	}
	s := newStream(g, rpc, hello)
	s.Metadata, _ = metadata.FromIncomingContext(rpc.Context())
	g.change(func() { g.streams = append(g.streams, s) })
	err = s.serve()
	g.change(func() {})
	return err
}

func (g *Gateway) welcomeFor(hello *sluicev1.Hello) *sluicev1.Welcome {
	w := &sluicev1.Welcome{ProtocolVersion: 1, SessionId: fmt.Sprintf("test-%d", g.nextID()), Gateway: "sluicetest",
		HeartbeatIntervalMs: 10_000, MaxFrameBytes: 4 << 20, MaxWindow: &sluicev1.Window{Messages: 100_000, Bytes: 1 << 40}}
	for _, chain := range hello.GetChains() {
		w.AcceptedChains = append(w.AcceptedChains,
			&sluicev1.AcceptedChain{Chain: chain, LeaseMs: 30_000, MaxLeaseMs: 3_600_000})
	}
	if slices.Contains(hello.GetFeatures(), "began") {
		w.Features = []string{"began"}
	}
	for _, change := range g.welcome {
		change(w)
	}
	return w
}

func (g *Gateway) nextID() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids++
	return g.ids
}

// Run runs a worker of this gateway, with plain text and the chain "test" unless the options say otherwise, and drains
// it when the test ends. Events go to the test's log.
func Run(t testing.TB, g *Gateway, handler sluice.Handler, with ...sluice.Option) *sluice.Worker {
	t.Helper()
	defaults := []sluice.Option{
		sluice.WithSecurity(sluice.SecurityPlaintext),
		sluice.WithReconnect(time.Millisecond, 100*time.Millisecond),
		sluice.WithDrainTimeout(Patience),
		sluice.WithOnEvent(func(event sluice.Event) { t.Log(event.Text) }),
	}
	worker, err := sluice.NewWorker([]string{g.Address()}, []string{"test"}, handler, append(defaults, with...)...)
	if err != nil {
		t.Fatalf("sluicetest: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(context.Background()) }()
	t.Cleanup(func() {
		worker.Drain()
		if err := <-ended; err != nil && err != sluice.ErrStopped {
			t.Errorf("sluicetest: the worker ended with: %v", err)
		}
	})
	return worker
}
