package reference

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/sluicev1"
)

const (
	heartbeatNonce = 1
	drainNonce     = 2
)

// stream is one call of Work.
type stream struct {
	worker *worker
	link   *link
	ctx    context.Context
	cancel context.CancelCauseFunc
	moved  bool // The link goes on with another stream. Before run returns.

	mu         sync.Mutex
	changed    *sync.Cond
	call       grpc.ClientStream
	welcome    *sluicev1.Welcome
	out        outbox
	holds      map[uint64]*holding
	draining   bool // No new deliveries are wanted.
	left       bool // leave has been called.
	noMore     bool // None comes any more.
	halfClosed bool
	dead       bool
	heard      time.Time
	said       time.Time
	window     uint32
	onMoved    func()
}

type holding struct {
	delivery  *sluicev1.Delivery
	lost      chan struct{}
	startedAt time.Time // Zero: its handler does not run yet.
	told      bool
	extendAt  time.Time
	clipped   bool
}

func newStream(w *worker, l *link) *stream {
	s := &stream{worker: w, link: l, holds: map[uint64]*holding{}, window: defaultWindow}
	s.ctx, s.cancel = context.WithCancelCause(w.ctx)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) is(mutation string) bool { return s.worker.testee.is(mutation) }

func (s *stream) serving() bool { return s.wasWelcomed() && s.ctx.Err() == nil }

func (s *stream) wasWelcomed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcome != nil
}

func (s *stream) credentials() (credentials.TransportCredentials, error) {
	o := s.worker.o
	if o.Security != "tls" {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{ServerName: s.link.host, MinVersion: tls.VersionTLS12}
	if o.ServerName != "" {
		config.ServerName = o.ServerName
	}
	if o.CAFile != "" {
		roots, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(roots)
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}

func (s *stream) token() (string, error) {
	if s.worker.o.TokenFile == "" {
		return s.worker.o.Token, nil
	}
	content, err := os.ReadFile(s.worker.o.TokenFile)
	token := strings.TrimSpace(string(content))
	if err == nil && (token == "" || strings.ContainsAny(token, " \r\n")) {
		err = errors.New("the token's file holds no token, or more than one")
	}
	return token, err
}

// run returns how the stream ended.
func (s *stream) run(moved chan struct{}) (codes.Code, string) {
	s.onMoved = sync.OnceFunc(func() { close(moved) })
	defer s.end()
	secure, err := s.credentials()
	if err != nil {
		return codes.Unavailable, err.Error()
	}
	token, err := s.token()
	if err != nil {
		return codes.Unavailable, err.Error()
	}
	channel, err := grpc.NewClient("passthrough:///"+s.link.address, grpc.WithTransportCredentials(secure), grpc.WithNoProxy(), grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))
	if err != nil {
		return codes.Unavailable, err.Error()
	}
	defer func() { _ = channel.Close() }()
	timer := time.AfterFunc(millis(s.worker.o.ConnectTimeoutMS, 10*time.Second), func() {
		if !s.wasWelcomed() {
			s.cancel(status.Error(codes.DeadlineExceeded, "no Welcome within the connect timeout"))
		}
	})
	defer timer.Stop()
	ctx := s.ctx
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	call, err := channel.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/sluice.v1.WorkerService/Work")
	if err != nil {
		return s.why(err)
	}
	if err := call.SendMsg(&sluicev1.WorkerFrame{Hello: s.hello()}); err != nil && !errors.Is(err, io.EOF) {
		return s.why(err)
	}
	s.mu.Lock()
	s.call, s.heard, s.said = call, time.Now(), time.Now()
	s.mu.Unlock()
	go s.write()
	go s.tick()
	for {
		frame := &sluicev1.GatewayFrame{}
		if err := call.RecvMsg(frame); err != nil {
			return s.why(err)
		}
		s.take(frame)
	}
}

func (s *stream) why(err error) (codes.Code, string) {
	if cause := context.Cause(s.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if errors.Is(err, io.EOF) {
		return codes.OK, "ended as agreed"
	}
	return status.Code(err), err.Error()
}

func (s *stream) hello() *sluicev1.Hello {
	o := s.worker.o
	hello := &sluicev1.Hello{MaxProtocolVersion: 1, WorkerName: o.WorkerName, Instance: o.Instance, Chains: o.Chains, LeaseMs: o.LeaseMS,
		Features: []string{"began"}, Window: &sluicev1.Window{Messages: or(o.WindowMessages, defaultWindow), Bytes: or(o.WindowBytes, defaultWindowBytes)}}
	if hello.Instance == "" {
		hello.Instance = fmt.Sprintf("reference-%d", os.Getpid())
	}
	if s.is("says_much_of_its_sdk") {
		hello.Sdk = strings.Repeat("s", 129)
	}
	if s.is("says_odd_things_of_its_sdk") {
		hello.Sdk = "référence"
	}
	return hello
}

// end lets handlers know that nobody waits.
func (s *stream) end() {
	s.cancel(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	if !s.is("says_nothing_of_loss") {
		for id := range s.holds {
			s.lose(id)
		}
	}
	s.changed.Broadcast()
}

func (s *stream) lose(id uint64) {
	if h, ok := s.holds[id]; ok {
		close(h.lost)
		delete(s.holds, id)
	}
}

func (s *stream) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.welcome == nil {
		s.cancel(status.Error(codes.Canceled, "draining"))
		return
	}
	s.leave()
}

// leave begins the way out, once. s.mu is held and the Welcome has come.
func (s *stream) leave() {
	if s.left {
		return
	}
	s.left, s.draining = true, true
	if s.is("leaves_without_drain") {
		s.noMore = true
	} else {
		s.out.drain = true
		s.out.ping = drainNonce
	}
	if s.is("half_closes_at_once") {
		s.noMore = true
		s.holds = map[uint64]*holding{}
	}
	s.changed.Broadcast()
}

func (s *stream) take(frame *sluicev1.GatewayFrame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
	if (frame.Welcome != nil) == (s.welcome != nil) {
		s.cancel(status.Error(codes.InvalidArgument, "Welcome must be in the first frame and only there"))
		return
	}
	if frame.Welcome != nil {
		if frame.Welcome.ProtocolVersion > 1 {
			s.cancel(status.Error(codes.FailedPrecondition, "the gateway chose a protocol version that this worker does not speak"))
			return
		}
		s.welcome = frame.Welcome
		s.worker.event("connected", s.link.address, codes.OK, -1, "connected to "+frame.Welcome.Gateway)
		for _, refused := range frame.Welcome.RefusedChains {
			s.worker.event("chain_refused", s.link.address, codes.OK, -1, refused.Chain+": "+refused.Reason)
		}
		if s.worker.leaving() {
			s.leave() // The order to leave came between the event above and this line, or before the Welcome.
		}
		s.changed.Broadcast()
	}
	for _, d := range frame.Deliveries {
		if s.halfClosed {
			continue
		}
		h := &holding{delivery: d, lost: make(chan struct{})}
		if !s.beganInUse() { // The lease runs already.
			h.told, h.extendAt = true, time.Now().Add(time.Duration(d.LeaseMs)*time.Millisecond/2)
		}
		s.holds[d.DeliveryId] = h
		s.worker.received.Add(1)
		s.worker.tasks.Add(1)
		go s.work(h)
	}
	for _, revoke := range frame.Revokes {
		if !s.is("ignores_revoke") {
			s.lose(revoke.DeliveryId)
		}
	}
	for _, result := range frame.Results {
		s.result(result)
	}
	if frame.Ping != nil && !s.is("answers_no_ping") {
		s.out.pong = &sluicev1.Pong{Nonce: frame.Ping.Nonce}
	}
	if frame.Pong != nil && s.draining && frame.Pong.Nonce == drainNonce {
		s.noMore = true
	}
	if frame.Drain != nil {
		s.worker.event("draining", s.link.address, codes.OK, -1, "the gateway drains: "+frame.Drain.Reason)
		s.draining, s.noMore = true, true
		if !s.moved && !s.worker.leaving() {
			s.moved = true
			s.onMoved()
		}
	}
	s.changed.Broadcast()
}

func (s *stream) result(result *sluicev1.Result) {
	h := s.holds[result.DeliveryId]
	switch {
	case result.Code == sluicev1.Result_CODE_STALE && result.ReplyId == 0:
		s.lose(result.DeliveryId)
	case result.Code == sluicev1.Result_CODE_CLIPPED && h != nil:
		h.clipped = true
	}
	name, known := sluicev1.Result_Code_name[int32(result.Code)]
	if !known {
		name = "UNKNOWN"
	}
	s.worker.testee.say("result", map[string]any{"reply_id": result.ReplyId, "delivery_id": result.DeliveryId, "code": strings.TrimPrefix(name, "CODE_"),
		"mqtt_reason_code": result.MqttReasonCode, "message": result.Message})
}

func (s *stream) beganInUse() bool { return slices.Contains(s.welcome.Features, "began") }

// work runs the handler of one delivery.
func (s *stream) work(h *holding) {
	defer s.worker.tasks.Done()
	select {
	case s.worker.slots <- struct{}{}:
	case <-h.lost:
		return
	}
	defer func() { <-s.worker.slots }()
	s.mu.Lock()
	if s.holds[h.delivery.DeliveryId] != h {
		s.mu.Unlock()
		return
	}
	h.startedAt = time.Now()
	s.mu.Unlock()
	settle := s.handle(h)
	took := time.Since(h.startedAt)
	s.worker.handlerTime.Store((s.worker.handlerTime.Load()*3 + int64(took)) / 4)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds[h.delivery.DeliveryId] != h && !s.is("half_closes_at_once") {
		return
	}
	delete(s.holds, h.delivery.DeliveryId)
	s.worker.settled.Add(1)
	s.queueSettle(settle)
	if s.is("settles_twice") {
		s.queueSettle(settle)
	}
	s.changed.Broadcast()
}
