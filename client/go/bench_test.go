package sluice

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

// What the SDK itself does for a message, without gRPC: read, call the handler, settle, write.
func BenchmarkEcho(b *testing.B) {
	for _, perFrame := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d to a frame", perFrame), func(b *testing.B) {
			f := &sluicev1.GatewayFrame{}
			for i := range perFrame {
				f.Deliveries = append(f.Deliveries, &sluicev1.Delivery{DeliveryId: uint64(i + 1<<40), Route: "temperature",
					MessageId: "0198a5c2-7d6e-7e7a-9e0f-0123456789ab", Chain: "bench", Topic: "plant/boiler/temp",
					Payload: make([]byte, 128), Qos: 1, ReceivedUnixMs: 1_790_000_000_000, LeaseMs: 30_000, Attempt: 1})
			}
			encoded, err := proto.Marshal(f)
			if err != nil {
				b.Fatal(err)
			}
			o := defaultOptions()
			o.concurrency = 0
			s := newSession(&o, "bench", 1000, 0)
			if err := s.receive(&gatewayParts{welcome: &sluicev1.Welcome{Features: []string{"began"}}}, nil, 0); err != nil {
				b.Fatal(err)
			}
			st := &stream{session: s, options: &o, handlers: context.Background(), owner: newFleet(&o, nil)}
			st.alive.Store(true)
			qos := byte(1)
			r := &runner{settled: new(atomic.Uint64), inline: true, handler: func(_ context.Context, m *Message) (Replies, error) {
				return Replies{{Topic: "plant/reply", Payload: m.Payload, QoS: &qos}}, nil
			}}
			b.ReportAllocs()
			for n := 0; n < b.N; n += perFrame {
				frame := append([]byte(nil), encoded...)
				var parts gatewayParts
				if err := decodeFrame(frame, &parts); err != nil {
					b.Fatal(err)
				}
				batch := newBatch(st, parts.deliveries)
				if err := s.receive(&parts, batch, 0); err != nil {
					b.Fatal(err)
				}
				r.run(batch, nil)
				_, out := s.next(0)
				out.data.Free()
			}
		})
	}
}
