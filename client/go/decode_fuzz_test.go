package sluice

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

// What protobuf and the SDK both take, they read alike; and no input makes the SDK panic.
func FuzzDecodeFrame(f *testing.F) {
	for _, frame := range []*sluicev1.GatewayFrame{
		{Welcome: &sluicev1.Welcome{ProtocolVersion: 1}, Ping: &sluicev1.Ping{Nonce: 1 << 63}},
		{Deliveries: []*sluicev1.Delivery{{DeliveryId: 1, Topic: "t", Payload: []byte("p"), Metadata: map[string]string{"k": "v"}}}},
		{Results: []*sluicev1.Result{{ReplyId: 1, Code: 3, Message: "m"}}, Revokes: []*sluicev1.Revoke{{DeliveryId: 2}}},
	} {
		encoded, err := proto.Marshal(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
		f.Add(encoded[:len(encoded)-1])
	}
	f.Add([]byte{0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})
	f.Fuzz(func(t *testing.T, input []byte) {
		var parts gatewayParts
		want := &sluicev1.GatewayFrame{}
		if decodeFrame(input, &parts) != nil || proto.Unmarshal(input, want) != nil {
			return
		}
		if len(parts.deliveries) != len(want.GetDeliveries()) || len(parts.results) != len(want.GetResults()) || len(parts.revokes) != len(want.GetRevokes()) {
			t.Fatalf("read %+v, protobuf %v", parts, want)
		}
		for i, d := range want.GetDeliveries() {
			if m := &parts.deliveries[i]; m.DeliveryID != d.GetDeliveryId() || m.Topic != d.GetTopic() || string(m.Payload) != string(d.GetPayload()) ||
				len(m.UserProperties) != len(d.GetUserProperties()) || len(m.Metadata) != len(d.GetMetadata()) {
				t.Fatalf("read %+v, protobuf %v", m, d)
			}
		}
	})
}
