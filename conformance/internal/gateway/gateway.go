// Package gateway plays a Sluice gateway that does what a case says, with all the faults it asks for. What the worker does is put
// on the case's board, and held against the rules that hold in every case.
package gateway

import (
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/board"
)

// Options of one gateway. The zero value is a gateway that accepts everything.
type Options struct {
	// Welcome is sent in answer to each Hello, save what is nil or zero: then the answer is made from the Hello.
	HeartbeatMS   uint32
	MaxFrameBytes uint64
	MaxWindow     *sluicev1.Window
	LeaseMS       uint32
	MaxLeaseMS    uint32
	// Features in use: those of these that the Hello names. Nil: "began".
	Features []string
	Tls      *tls.Config
}

const (
	defaultHeartbeatMS   = 60_000
	defaultMaxFrameBytes = 4 << 20
	defaultLeaseMS       = 30_000
	defaultMaxLeaseMS    = 300_000
)

// Gateway is safe for concurrent use.
type Gateway struct {
	Name    string
	Address string // "127.0.0.1:34567"

	board  *board.Board
	server *grpc.Server

	mu          sync.Mutex
	options     Options
	conns       map[string]*conn // By the worker's address.
	streams     []*Stream        // In the order of their Hellos.
	calls       map[*Stream]bool // Those that there are now, also before their Hello.
	refusing    *refusal         // What streams to come are ended with.
	refused     map[string]string
	unwelcoming bool // Streams to come get no Welcome.
	deaf        bool // Connections to come are closed at once.
	silent      bool
	paused      bool // Streams are not read.
	manual      bool // Nothing is answered by itself but Hello.
	slow        Slow
	nextID      uint64
	closed      bool
}

type refusal struct {
	status error
	times  int // How often; -1: always.
}

// Listen takes a free port of the IP, or the port that is given.
func Listen(ip string, port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
}

// Start plays a gateway on the listener until Close. Ids of deliveries begin with firstID.
func Start(name string, socket net.Listener, options Options, to *board.Board, firstID uint64) *Gateway {
	g := &Gateway{Name: name, Address: socket.Addr().String(), board: to, options: options, conns: map[string]*conn{},
		calls: map[*Stream]bool{}, refused: map[string]string{}, nextID: firstID}
	serverOptions := []grpc.ServerOption{
		grpc.ForceServerCodec(rawCodec{}),
		grpc.UnknownServiceHandler(g.serve),
		grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
		// Fixed, so that a worker that is not read stands still after the same bytes on each machine.
		grpc.InitialWindowSize(64 << 10), grpc.InitialConnWindowSize(1 << 20),
		// HTTP/2's own pings are the worker's library's affair.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Millisecond, PermitWithoutStream: true}),
	}
	if options.Tls != nil {
		serverOptions = append(serverOptions, grpc.Creds(credentials.NewTLS(options.Tls)))
	}
	g.server = grpc.NewServer(serverOptions...)
	go func() { _ = g.server.Serve(&listener{Listener: socket, gateway: g}) }()
	return g
}

// Close ends everything at once: the gateway has died.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closed = true
	streams := append([]*Stream(nil), g.streams...)
	for _, c := range g.conns {
		c.cut()
	}
	g.mu.Unlock()
	for _, s := range streams {
		s.abandon()
	}
	g.server.Stop()
}

func (g *Gateway) accept(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.board.Add("connection", g.Name, 0, map[string]any{})
	if g.deaf || g.closed {
		c.cut()
		return false
	}
	c.slow = g.slow
	g.conns[c.RemoteAddr().String()] = c
	return true
}

func (g *Gateway) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// Refuse ends streams to come with this status, after their Hello; times < 0: all of them; nil: none any more.
func (g *Gateway) Refuse(status error, times int) {
	g.set(func() { g.refusing = &refusal{status, times} })
}

// RefuseChain tells streams to come that nothing is delivered from the chain.
func (g *Gateway) RefuseChain(chain, reason string) { g.set(func() { g.refused[chain] = reason }) }

// WithholdWelcome answers no Hello of streams to come.
func (g *Gateway) WithholdWelcome(on bool) { g.set(func() { g.unwelcoming = on }) }

// Deaf closes connections to come at once.
func (g *Gateway) Deaf(on bool) { g.set(func() { g.deaf = on }) }

// GoSilent sends nothing more by itself: no Ping, no Pong, no Result.
func (g *Gateway) GoSilent(on bool) { g.set(func() { g.silent = on }) }

// Manual answers nothing but Hello by itself, but goes on with Pings.
func (g *Gateway) Manual(on bool) { g.set(func() { g.manual = on }) }

// StopReading leaves what workers send in their hands, as far as gRPC's windows do not take it.
func (g *Gateway) StopReading(on bool) {
	g.set(func() { g.paused = on })
	g.mu.Lock()
	var waiting []*Stream
	for s := range g.calls {
		waiting = append(waiting, s)
	}
	g.mu.Unlock()
	for _, s := range waiting {
		s.wakeReader()
	}
}

// SetOptions changes what streams to come are welcomed with.
func (g *Gateway) SetOptions(change func(*Options)) { g.set(func() { change(&g.options) }) }

// Freeze stops all bytes, both ways, of the connections there are.
func (g *Gateway) Freeze(on bool) { g.eachConn(func(c *conn) { c.frozen = on }) }

// CutAfter cuts the connections there are when so many more bytes have been written or read; < 0: not by this.
func (g *Gateway) CutAfter(written, read int64) {
	g.eachConn(func(c *conn) { c.cutAfterWrites, c.cutAfterReads = written, read })
}

// Slow writes in pieces, on connections there are and on those to come.
func (g *Gateway) Slow(slow Slow) {
	g.set(func() { g.slow = slow })
	g.eachConn(func(c *conn) { c.slow = slow })
}

// Cut resets the connections there are.
func (g *Gateway) Cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.cut()
	}
}

func (g *Gateway) eachConn(change func(*conn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.set(func() { change(c) })
	}
}

// Streams returns those that have said Hello, in that order.
func (g *Gateway) Streams() []*Stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*Stream(nil), g.streams...)
}

// Stream returns the one with this number, from 1; 0: the newest.
func (g *Gateway) Stream(number int) (*Stream, error) {
	streams := g.Streams()
	if number == 0 {
		number = len(streams)
	}
	if number < 1 || number > len(streams) {
		return nil, fmt.Errorf("gateway %s has no stream %d; there have been %d", g.Name, number, len(streams))
	}
	return streams[number-1], nil
}

// TakeIDs returns the first of so many ids of deliveries.
func (g *Gateway) TakeIDs(count int) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := g.nextID
	g.nextID += uint64(count)
	return first
}

// SetNextID makes the next delivery have this id.
func (g *Gateway) SetNextID(id uint64) { g.set(func() { g.nextID = id }) }
