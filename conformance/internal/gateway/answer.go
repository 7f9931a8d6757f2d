package gateway

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/values"
)

// takeNumber counts the stream among those of its gateway.
func (s *Stream) takeNumber() {
	s.gateway.mu.Lock()
	defer s.gateway.mu.Unlock()
	s.gateway.streams = append(s.gateway.streams, s)
	s.number.Store(int32(len(s.gateway.streams)))
}

// recordHello puts what the stream began with on the board.
func (s *Stream) recordHello(hello *sluicev1.Hello, authorization []string) {
	if hello == nil {
		hello = &sluicev1.Hello{}
	}
	data := values.FromProto(hello.ProtoReflect())
	data["authorization"] = anyList(authorization)
	data["certificate"] = peerCertificate(s.call.Context())
	s.gateway.board.Add("hello", s.gateway.Name, s.Number(), data)
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// answer does what a gateway does by itself.
func (s *Stream) answer(frame *sluicev1.WorkerFrame) {
	g := s.gateway
	g.mu.Lock()
	silent, manual := g.silent, g.manual
	g.mu.Unlock()
	if silent || manual {
		return
	}
	answer := &sluicev1.GatewayFrame{Results: s.referee.takeResults()}
	if frame.Ping != nil {
		answer.Pong = &sluicev1.Pong{Nonce: frame.Ping.Nonce}
	}
	if answer.Pong != nil || len(answer.Results) > 0 {
		_ = s.Send(answer)
	}
}

func (s *Stream) welcome(hello *sluicev1.Hello) {
	g := s.gateway
	if hello == nil {
		s.End(status.Error(codes.InvalidArgument, "the first frame has no Hello"))
		return
	}
	g.mu.Lock()
	refusing, unwelcoming, options := g.refusing, g.unwelcoming, g.options
	if refusing != nil && refusing.times > 0 {
		if refusing.times--; refusing.times == 0 {
			g.refusing = nil
		}
	}
	g.mu.Unlock()
	if refusing != nil && refusing.status != nil {
		s.End(refusing.status)
		return
	}
	if unwelcoming {
		return
	}
	welcome := g.Welcome(hello, s.Number())
	s.referee.welcomed(welcome)
	_ = s.Send(&sluicev1.GatewayFrame{Welcome: welcome})
	go s.beat(time.Duration(or(options.HeartbeatMS, defaultHeartbeatMS)) * time.Millisecond)
}

// Welcome is what a Hello is answered with.
func (g *Gateway) Welcome(hello *sluicev1.Hello, number int) *sluicev1.Welcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.options
	welcome := &sluicev1.Welcome{
		ProtocolVersion: 1, SessionId: fmt.Sprintf("%s-%d", g.Name, number), Gateway: g.Name,
		HeartbeatIntervalMs: or(o.HeartbeatMS, defaultHeartbeatMS), MaxFrameBytes: or(o.MaxFrameBytes, defaultMaxFrameBytes),
		MaxWindow: o.MaxWindow,
	}
	if welcome.MaxWindow == nil {
		welcome.MaxWindow = &sluicev1.Window{Messages: 100_000, Bytes: 1 << 30}
	}
	for _, chain := range hello.Chains {
		if reason, no := g.refused[chain]; no {
			welcome.RefusedChains = append(welcome.RefusedChains, &sluicev1.RefusedChain{Chain: chain, Reason: reason})
			continue
		}
		lease := or(o.LeaseMS, or(hello.LeaseMs, defaultLeaseMS))
		welcome.AcceptedChains = append(welcome.AcceptedChains,
			&sluicev1.AcceptedChain{Chain: chain, LeaseMs: lease, MaxLeaseMs: or(o.MaxLeaseMS, defaultMaxLeaseMS)})
	}
	features := o.Features
	if features == nil {
		features = []string{"began"}
	}
	for _, feature := range hello.Features {
		if slices.Contains(features, feature) {
			welcome.Features = append(welcome.Features, feature)
		}
	}
	return welcome
}

func or[T comparable](value, instead T) T {
	var zero T
	if value == zero {
		return instead
	}
	return value
}

// beat says something at least once per interval.
func (s *Stream) beat(interval time.Duration) {
	for nonce := uint64(1); ; nonce++ {
		timer := time.NewTimer(interval / 2)
		select {
		case <-timer.C:
		case <-s.call.Context().Done():
			timer.Stop()
			return
		}
		s.gateway.mu.Lock()
		silent := s.gateway.silent
		s.gateway.mu.Unlock()
		s.mu.Lock()
		quiet := time.Since(s.lastSent) >= interval/2
		s.mu.Unlock()
		if !silent && quiet {
			_ = s.Send(&sluicev1.GatewayFrame{Ping: &sluicev1.Ping{Nonce: 1<<40 + nonce}})
		}
	}
}

// showFrame writes a frame without what is absent.
func showFrame(frame protoreflect.Message) string {
	present := map[string]any{}
	frame.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		present[string(field.Name())] = compact(field, value)
		return true
	})
	if unknown := frame.GetUnknown(); len(unknown) > 0 {
		present["unknown_bytes"] = len(unknown)
	}
	if len(present) == 0 {
		return "{}"
	}
	return values.Show(present)
}

const shownItems = 6

func compact(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	if field.IsMap() {
		entries := map[string]any{}
		value.Map().Range(func(key protoreflect.MapKey, one protoreflect.Value) bool {
			entries[key.String()] = one.String()
			return len(entries) < shownItems
		})
		return entries
	}
	if field.IsList() {
		list := []any{}
		for i := range value.List().Len() {
			if i == shownItems {
				list = append(list, fmt.Sprintf("… %d in all", value.List().Len()))
				break
			}
			list = append(list, compactOne(field, value.List().Get(i)))
		}
		return list
	}
	return compactOne(field, value)
}

func compactOne(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind:
		present := map[string]any{}
		value.Message().Range(func(inner protoreflect.FieldDescriptor, one protoreflect.Value) bool {
			present[string(inner.Name())] = compact(inner, one)
			return true
		})
		return present
	case protoreflect.BytesKind:
		return string(value.Bytes())
	case protoreflect.EnumKind:
		if named := field.Enum().Values().ByNumber(value.Enum()); named != nil {
			return string(named.Name())
		}
		return int(value.Enum())
	}
	return value.Interface()
}
