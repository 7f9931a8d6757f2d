package main

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/internal/wire"
	"sluice.dev/client/go/sluicev1"
)

// rawCodec hands frames through as they are encoded.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var workerService = grpc.ServiceDesc{
	ServiceName: sluicev1.WorkerService_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{StreamName: "Work", ServerStreams: true, ClientStreams: true,
		Handler: func(g any, stream grpc.ServerStream) error { return g.(*gateway).work(stream) }}},
}

// gateway keeps a window of messages in flight, and counts what is settled.
type gateway struct {
	perFrame, window int
	frames           [][]byte // With other ids each, used in turn.
	settled          atomic.Int64
	warm             chan struct{} // Closed when some messages have made their way.
}

func newGateway(perFrame, payload, window int) *gateway {
	g := &gateway{perFrame: perFrame, window: max(window, perFrame), warm: make(chan struct{})}
	id := uint64(1 << 40)
	for range 64 {
		f := &sluicev1.GatewayFrame{}
		for range perFrame {
			id++
			f.Deliveries = append(f.Deliveries, &sluicev1.Delivery{DeliveryId: id, MessageId: "0198a5c2-7d6e-7e7a-9e0f-0123456789ab",
				Route: "temperature", Chain: "bench", Topic: "plant/boiler/temp", Payload: make([]byte, payload), Qos: 1,
				ReceivedUnixMs: 1_790_000_000_000, AgeMs: 1, LeaseMs: 30_000, Attempt: 1})
		}
		g.frames = append(g.frames, encoded(f))
	}
	return g
}

func encoded(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *gateway) work(stream grpc.ServerStream) error {
	var hello []byte
	if err := stream.RecvMsg(&hello); err != nil {
		return err
	}
	if err := stream.SendMsg(encoded(&sluicev1.GatewayFrame{Welcome: &sluicev1.Welcome{ProtocolVersion: 1, SessionId: "bench",
		Gateway: "bench", HeartbeatIntervalMs: 10_000, MaxFrameBytes: 16 << 20, Features: []string{"began"},
		AcceptedChains: []*sluicev1.AcceptedChain{{Chain: "bench", LeaseMs: 30_000, MaxLeaseMs: 300_000}}}})); err != nil {
		return err
	}
	var mu sync.Mutex
	room, over, flying := sync.NewCond(&mu), false, 0
	go func() {
		for next := 0; ; next++ {
			mu.Lock()
			for !over && flying+g.perFrame > g.window {
				room.Wait()
			}
			flying += g.perFrame
			stop := over
			mu.Unlock()
			if stop || stream.SendMsg(g.frames[next%len(g.frames)]) != nil {
				return
			}
		}
	}()
	total := int64(0)
	for {
		var frame []byte
		if err := stream.RecvMsg(&frame); err != nil {
			mu.Lock()
			over = true
			mu.Unlock()
			room.Broadcast()
			return nil
		}
		settled, ping, err := countSettles(frame)
		if err != nil {
			return err
		}
		if ping != nil {
			// A Pong has its nonce in the same place, and the same field beside it.
			if err := stream.SendMsg(append(binary.AppendUvarint([]byte{5<<3 | 2}, uint64(len(ping))), ping...)); err != nil {
				return err
			}
		}
		total += int64(settled)
		g.settled.Store(total)
		if before := total - int64(settled); before < 2000 && total >= 2000 {
			close(g.warm)
		}
		mu.Lock()
		flying -= settled
		mu.Unlock()
		room.Signal()
	}
}

func countSettles(frame []byte) (settled int, ping []byte, err error) {
	r := wire.NewReader(frame)
	for r.Next() {
		switch r.Number {
		case 5:
			settled++
		case 6:
			ping = append([]byte{}, r.Bytes()...)
		}
	}
	if !r.OK() {
		return 0, nil, errors.New("the worker sent a frame that cannot be read")
	}
	return settled, ping, nil
}
