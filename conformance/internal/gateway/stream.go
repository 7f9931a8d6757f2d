package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/board"
	"sluice.dev/conformance/internal/values"
)

const workMethod = "/sluice.v1.WorkerService/Work"

// Stream is one call of Work. Safe for concurrent use.
type Stream struct {
	gateway *Gateway
	call    grpc.ServerStream
	conn    *conn
	referee *referee

	number atomic.Int32 // 0 before Hello.

	mu       sync.Mutex // Taken before the gateway's, if both.
	changed  *sync.Cond
	queue    []queued
	over     bool // The end has been decided: nothing is queued any more.
	returned bool // The gateway has ended it: what the reader then finds is no loss.
	lastSent time.Time

	end chan error // What Work returns with; the first counts.
}

type queued struct {
	frame []byte
	end   bool // Not a frame: the stream ends with `status`.
	err   error
}

// serve is every call, of whatever method.
func (g *Gateway) serve(_ any, call grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(call)
	if method != workMethod {
		g.board.Note("%s <- a call of %s", g.Name, method)
		g.board.Add("other_call", g.Name, 0, map[string]any{"method": method})
		return status.Errorf(codes.Unimplemented, "there is no %s, but %s", method, workMethod)
	}
	s := &Stream{gateway: g, call: call, end: make(chan error, 1)}
	s.changed = sync.NewCond(&s.mu)
	s.referee = newReferee(g.board, g.Name)
	shown, _ := metadata.FromIncomingContext(call.Context())
	if from, ok := peer.FromContext(call.Context()); ok {
		g.mu.Lock()
		s.conn = g.conns[from.Addr.String()]
		g.mu.Unlock()
	}
	g.set(func() { g.calls[s] = true })
	defer g.set(func() { delete(g.calls, s) })
	go s.write()
	go s.read(shown.Get("authorization"))
	err := <-s.end
	s.mu.Lock()
	s.over, s.returned = true, true
	number := s.Number()
	s.changed.Broadcast()
	s.mu.Unlock()
	s.referee.end()
	g.board.Note("%s#%d -> ends with %v", g.Name, number, status.Code(err))
	g.board.Add("stream_over", g.Name, number, map[string]any{"status": status.Code(err).String()})
	return err
}

func (s *Stream) finish(err error) {
	select {
	case s.end <- err:
	default:
	}
}

// abandon lets the call go without a status of its own; the connection is gone.
func (s *Stream) abandon() { s.finish(status.Error(codes.Unavailable, "the gateway is gone")) }

// Lose cuts the connection of the stream.
func (s *Stream) Lose() {
	if s.conn != nil {
		s.conn.cut()
	}
}

// End ends the stream with this status, after what is queued.
func (s *Stream) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.queue = append(s.queue, queued{end: true, err: err})
		s.over = true
		s.changed.Broadcast()
	}
}

// SendRaw queues bytes as a frame.
func (s *Stream) SendRaw(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.queue = append(s.queue, queued{frame: frame})
		s.changed.Broadcast()
	}
}

// Send queues a frame, and remembers what it delivers.
func (s *Stream) Send(frame *sluicev1.GatewayFrame) error {
	encoded, err := proto.Marshal(frame)
	if err != nil {
		return err
	}
	s.referee.sent(frame)
	s.gateway.board.Note("%s#%d -> %s", s.gateway.Name, s.Number(), showFrame(frame.ProtoReflect()))
	s.SendRaw(encoded)
	return nil
}

// Gateway is the one that the stream is of.
func (s *Stream) Gateway() *Gateway { return s.gateway }

// Number is 0 before the Hello.
func (s *Stream) Number() int { return int(s.number.Load()) }

// Held tells the deliveries that are neither settled nor taken back.
func (s *Stream) Held() int { return s.referee.held() }

// Room is how many more messages the worker's window lets in.
func (s *Stream) Room() int { return s.referee.room() }

func (s *Stream) write() {
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && s.call.Context().Err() == nil {
			s.changed.Wait()
		}
		if s.call.Context().Err() != nil {
			s.mu.Unlock()
			return
		}
		next := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		if next.end {
			s.finish(next.err)
			return
		}
		if s.call.SendMsg(&next.frame) != nil {
			return
		}
		s.mu.Lock()
		s.lastSent = time.Now()
		s.mu.Unlock()
	}
}

func (s *Stream) wakeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *Stream) waitReadable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.gateway.mu.Lock()
		paused := s.gateway.paused
		s.gateway.mu.Unlock()
		if !paused || s.call.Context().Err() != nil {
			return
		}
		s.changed.Wait()
	}
}

func (s *Stream) read(authorization []string) {
	context.AfterFunc(s.call.Context(), s.wakeReader)
	for first := true; ; first = false {
		s.waitReadable()
		var encoded []byte
		if err := s.call.RecvMsg(&encoded); err != nil {
			s.readEnded(err)
			return
		}
		frame := &sluicev1.WorkerFrame{}
		if err := proto.Unmarshal(encoded, frame); err != nil {
			s.gateway.board.Violate("W-15", "a frame of %d bytes cannot be decoded: %v", len(encoded), err)
			s.End(status.Error(codes.InvalidArgument, "the frame cannot be decoded"))
			continue
		}
		if first {
			s.takeNumber()
		}
		s.gateway.board.Note("%s#%d <- %s", s.gateway.Name, s.Number(), showFrame(frame.ProtoReflect()))
		s.referee.received(frame, len(encoded), first)
		if first {
			s.welcome(frame.Hello) // Before a case hears of the Hello: what it then sends comes after the Welcome.
			s.recordHello(frame.Hello, authorization)
		}
		s.record(frame)
		s.answer(frame)
	}
}

func (s *Stream) readEnded(err error) {
	to, name, number := s.gateway.board, s.gateway.Name, s.Number()
	if errors.Is(err, io.EOF) {
		to.Note("%s#%d <- half-close", name, number)
		s.referee.halfClosed()
		to.Add("half_close", name, number, map[string]any{"held": s.Held()})
		s.gateway.mu.Lock()
		byItself := !s.gateway.manual && !s.gateway.silent
		s.gateway.mu.Unlock()
		if byItself {
			s.End(nil)
		}
		return
	}
	s.mu.Lock()
	returned := s.returned
	s.mu.Unlock()
	if returned {
		return
	}
	to.Note("%s#%d <- lost: %v", name, number, err)
	s.referee.end()
	to.Add("lost", name, number, map[string]any{"why": err.Error()})
	s.finish(status.Error(codes.Unavailable, "the stream is lost"))
}

// record puts each item on the board by itself, so that cases need not care how the worker bundles them.
func (s *Stream) record(frame *sluicev1.WorkerFrame) {
	name, number := s.gateway.Name, s.Number()
	var records []*board.Record
	put := func(kind string, data map[string]any) {
		records = append(records, &board.Record{Kind: kind, Gateway: name, Stream: number, Data: data})
	}
	add := func(kind string, message proto.Message) { put(kind, values.FromProto(message.ProtoReflect())) }
	for _, id := range frame.Began {
		put("began", map[string]any{"delivery_id": id})
	}
	if frame.Window != nil {
		add("window", frame.Window)
	}
	for _, extend := range frame.Extends {
		add("extend", extend)
	}
	for _, reply := range frame.Replies {
		add("reply", reply)
	}
	for _, settle := range frame.Settles {
		add("settle", settle)
	}
	if frame.Ping != nil {
		add("ping", frame.Ping)
	}
	if frame.Pong != nil {
		add("pong", frame.Pong)
	}
	if frame.Drain != nil {
		add("drain", frame.Drain)
	}
	put("frame", map[string]any{
		"bytes": proto.Size(frame), "items": CountItems(frame), "settles": len(frame.Settles), "replies": len(frame.Replies),
		"began": len(frame.Began), "extends": len(frame.Extends),
	})
	s.gateway.board.AddAll(records)
}

func peerCertificate(ctx context.Context) string {
	if from, ok := peer.FromContext(ctx); ok {
		if info, ok := from.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			return info.State.PeerCertificates[0].Subject.CommonName
		}
	}
	return ""
}
